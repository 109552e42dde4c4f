/// Recorded steps: a stream capture, instantiated once and launched many times.
#include "ops.h"

#include <new>

struct mk_graph {
  cudaGraphExec_t executable;
};

mk_status cuda_graph_begin(mk_stream *stream) {
  if (!stream) return MK_INVALID_ARGUMENT;
  // Relaxed: a kernel's module may be loaded, and a product's plan made, while others are recorded.
  return status_of(cudaStreamBeginCapture(stream->cuda, cudaStreamCaptureModeRelaxed));
}

mk_status cuda_graph_end(mk_stream *stream, mk_graph **out) {
  if (!stream) return MK_INVALID_ARGUMENT;
  cudaGraph_t recorded = nullptr;
  cudaError_t error = cudaStreamEndCapture(stream->cuda, &recorded);
  if (error != cudaSuccess) cudaGetLastError();
  if (error != cudaSuccess || !out) {
    if (recorded) cudaGraphDestroy(recorded);
    return out ? status_of(error) : MK_OK;
  }
  mk_graph *graph = new (std::nothrow) mk_graph();
  if (!graph) {
    cudaGraphDestroy(recorded);
    return MK_OUT_OF_MEMORY;
  }
  error = cudaGraphInstantiate(&graph->executable, recorded, 0);
  cudaGraphDestroy(recorded);
  if (error == cudaSuccess) error = cudaGraphUpload(graph->executable, stream->cuda);
  if (error != cudaSuccess) {
    cudaGetLastError();
    cuda_graph_destroy(stream, graph);
    return status_of(error);
  }
  *out = graph;
  return MK_OK;
}

mk_status cuda_graph_launch(mk_stream *stream, mk_graph *graph) {
  if (!stream || !graph) return MK_INVALID_ARGUMENT;
  stream->launches++;
  return status_of(cudaGraphLaunch(graph->executable, stream->cuda));
}

void cuda_graph_destroy(mk_stream *stream, mk_graph *graph) {
  if (!graph) return;
  if (stream) cudaStreamSynchronize(stream->cuda);
  if (graph->executable) cudaGraphExecDestroy(graph->executable);
  delete graph;
}
