// Makes the library a Node module: `require()` of it loads it into the process, and loading it registers the ops.
#include <node_api.h>

NAPI_MODULE_INIT() {
  (void)env;
  return exports;
}
