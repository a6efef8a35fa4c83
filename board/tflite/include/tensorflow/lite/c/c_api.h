/* The name that tflitec includes; the declarations are in core/c. */
#include "tensorflow/lite/core/c/c_api.h"
