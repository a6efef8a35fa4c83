/* The XNNPACK delegate, as tflitec 0.7 uses it. Written for Campari from the documented API of TensorFlow Lite 2.17.
 *
 * The options are passed BY VALUE, so their layout is the library's and changes with its version: board_tflite refuses a library whose version
 * it does not know (src/library.rs). */
#ifndef CAMPARI_TFLITE_XNNPACK_DELEGATE_H_
#define CAMPARI_TFLITE_XNNPACK_DELEGATE_H_

#include <stdbool.h>
#include <stdint.h>

#include "tensorflow/lite/core/c/c_api.h"

#ifdef __cplusplus
extern "C" {
#endif

struct TfLiteXNNPackDelegateWeightsCache;

typedef struct {
  int32_t num_threads; /* 0: none but the caller's */
  uint32_t flags;      /* 1: signed, 2: unsigned 8-bit; both by default */
  struct TfLiteXNNPackDelegateWeightsCache* weights_cache;
  bool handle_variable_ops;
  const char* experimental_weight_cache_file_path;
} TfLiteXNNPackDelegateOptions;

TfLiteXNNPackDelegateOptions TfLiteXNNPackDelegateOptionsDefault(void);
TfLiteDelegate* TfLiteXNNPackDelegateCreate(const TfLiteXNNPackDelegateOptions* options);
void TfLiteXNNPackDelegateDelete(TfLiteDelegate* delegate);

#ifdef __cplusplus
}
#endif

#endif
