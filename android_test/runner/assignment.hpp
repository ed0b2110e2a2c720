// Which provider got which nodes: `Session_GetEpGraphAssignmentInfo`, in ONNX Runtime's C API since 1.24.
//
// Newer headers declare it. Debian's are 1.23: for them the entries that 1.24 appended to the function table are
// declared here, up to the three that are called. The table only ever grows at its end, and the table is asked for by
// version, so that an older library gives none.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <map>

#include "result.hpp"

namespace runner {

#if ORT_API_VERSION >= 24
using AssignmentApi = OrtApi;
#else
struct OrtEpAssignedSubgraph;
struct OrtEpAssignedNode;

struct AssignmentApi {
  OrtApi before;
  void* not_called[17];  // what stands before in 1.24; a test compares the answer with Python's for the same session
  OrtStatus*(ORT_API_CALL* Session_GetEpGraphAssignmentInfo)(const OrtSession*, const OrtEpAssignedSubgraph* const**,
                                                             size_t*) NO_EXCEPTION;
  OrtStatus*(ORT_API_CALL* EpAssignedSubgraph_GetEpName)(const OrtEpAssignedSubgraph*, const char**) NO_EXCEPTION;
  OrtStatus*(ORT_API_CALL* EpAssignedSubgraph_GetNodes)(const OrtEpAssignedSubgraph*, const OrtEpAssignedNode* const**,
                                                        size_t*) NO_EXCEPTION;
};
#endif

// What each provider got, of a session made with `session.record_ep_graph_assignment_info=1`; false where the library cannot say.
inline bool read_assignment(const Ort::Session& session, std::map<std::string, Assigned>& out) {
  constexpr uint32_t since = 24;
  const auto* api = reinterpret_cast<const AssignmentApi*>(OrtGetApiBase()->GetApi(since));
  if (!api) return false;
  const OrtEpAssignedSubgraph* const* graphs = nullptr;
  size_t count = 0;
  Ort::ThrowOnError(api->Session_GetEpGraphAssignmentInfo(session, &graphs, &count));
  for (size_t i = 0; i < count; ++i) {
    const char* name = nullptr;
    const OrtEpAssignedNode* const* nodes = nullptr;
    size_t size = 0;
    Ort::ThrowOnError(api->EpAssignedSubgraph_GetEpName(graphs[i], &name));
    Ort::ThrowOnError(api->EpAssignedSubgraph_GetNodes(graphs[i], &nodes, &size));
    Assigned& provider = out[name ? name : ""];
    ++provider.subgraphs;
    provider.nodes += size;
  }
  return true;
}

}  // namespace runner
