/* tflitec 0.7 copies a file of this name; Campari needs nothing from it. */
