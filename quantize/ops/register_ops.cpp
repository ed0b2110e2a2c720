// The library's exported functions: ONNX Runtime learns its operators by one, and programs their version by the other.
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "runtime.hpp"

namespace kokoro_npu {
namespace {

constexpr const char* CHOICE = "KOKORO_NPU_OPS_PATH";  // forces a path, for tests

}  // namespace
}  // namespace kokoro_npu

// ONNX Runtime does not compare the version that a model asks for, so programs do before they register the library.
extern "C" __attribute__((visibility("default"))) int kokoro_npu_ops_version(void) {
  return kokoro_npu::DOMAIN_VERSION;
}

extern "C" __attribute__((visibility("default"))) OrtStatus* ORT_API_CALL
RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  using namespace kokoro_npu;
  const OrtApi* api = base->GetApi(API);
  if (!api) return base->GetApi(1)->CreateStatus(ORT_FAIL, "kokoro_npu: ONNX Runtime is older than 1.18");
  const char* asked = std::getenv(CHOICE);
  const Path* path = choose_path(asked && *asked ? asked : nullptr);
  if (!path) {
    char message[160];
    std::snprintf(message, sizeof message, "kokoro_npu: %s=%s is no path of this processor", CHOICE, asked);
    return api->CreateStatus(ORT_INVALID_ARGUMENT, message);
  }
  OrtCustomOpDomain* domain = nullptr;
  KOKORO_NPU_TRY(api->CreateCustomOpDomain(DOMAIN, &domain));
  // Sessions keep pointers to the operators and to the domain, and nobody says when the last one ends: both stay.
  OrtStatus* status = nullptr;
  for (const auto make : {adain_operator, conv_operator, float_conv_operator, residual_operator}) {
    auto* made = static_cast<Operator*>(std::malloc(sizeof(Operator)));
    if (made) *made = make(path);
    if (!status) status = made ? api->CustomOpDomain_Add(domain, made) : refuse(*api, "kokoro_npu: no memory");
  }
  if (!status) status = api->AddCustomOpDomain(options, domain);
  if (status) api->ReleaseCustomOpDomain(domain);
  return status;
}
