// Makes the library a Node module: `require()` of it loads it into the process, and loading it registers the ops. Its one
// export says whether they have GPU kernels.
#include <node_api.h>

// In cuda/ops_gpu.cc, which is not always part of the library.
extern "C" __attribute__((weak)) const int mapl_has_cuda;

NAPI_MODULE_INIT() {
  napi_value cuda;
  napi_get_boolean(env, &mapl_has_cuda != nullptr, &cuda);
  napi_set_named_property(env, exports, "cuda", cuda);
  return exports;
}
