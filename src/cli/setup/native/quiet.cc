// TensorFlow logs while its libraries are being loaded, before it reads TF_CPP_MIN_LOG_LEVEL. This module takes stderr
// aside meanwhile: `begin()` sends it to a temporary file, `end()` puts it back and returns what was written.
#include <node_api.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace {

FILE* captured = nullptr;
int saved = -1;

napi_value Begin(napi_env env, napi_callback_info) {
  (void)env;
  if (captured != nullptr) return nullptr;
  captured = std::tmpfile();
  if (captured == nullptr) return nullptr;
  std::fflush(stderr);
  saved = dup(2);
  dup2(fileno(captured), 2);
  return nullptr;
}

napi_value End(napi_env env, napi_callback_info) {
  std::string text;
  if (captured != nullptr) {
    std::fflush(stderr);
    dup2(saved, 2);
    close(saved);
    std::rewind(captured);
    char buffer[4096];
    size_t read;
    while ((read = std::fread(buffer, 1, sizeof buffer, captured)) > 0) text.append(buffer, read);
    std::fclose(captured);
    captured = nullptr;
  }
  napi_value result;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value begin, end;
  napi_create_function(env, "begin", NAPI_AUTO_LENGTH, Begin, nullptr, &begin);
  napi_create_function(env, "end", NAPI_AUTO_LENGTH, End, nullptr, &end);
  napi_set_named_property(env, exports, "begin", begin);
  napi_set_named_property(env, exports, "end", end);
  return exports;
}
