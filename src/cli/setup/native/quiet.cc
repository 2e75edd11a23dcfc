// TensorFlow logs while libtensorflow_cc is being loaded, before it reads TF_CPP_MIN_LOG_LEVEL. This module links only
// libtensorflow_framework, where the logger lives, and is loaded first: it sets the level that the variable asks for.
#include <node_api.h>

#include <cstdlib>

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"

NAPI_MODULE_INIT() {
  (void)env;
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level != nullptr && level[0] >= '0' && level[0] <= '3') {
    absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level[0] - '0'));
  }
  return exports;
}
