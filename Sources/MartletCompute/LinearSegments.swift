import CMartletKernels

/// Weight matrices that share their input; their outputs lie side by side.
@safe package struct LinearSegments {
  package struct Segment {
    package let matrix: Matrix
    package let bias: DeviceArray<Float>?
    package init(matrix: Matrix, bias: DeviceArray<Float>?) {
      self.matrix = matrix
      self.bias = bias
    }
  }

  package let segments: [Segment]
  package let columns: Int
  package let outputs: Int
  package let isBFloat16: Bool
  let native: [mk_linear_segment]

  package init(_ segments: [Segment]) {
    self.segments = segments
    columns = segments.first?.matrix.columns ?? 0
    outputs = segments.reduce(0) { $0 + $1.matrix.rows }
    isBFloat16 = segments.allSatisfy { unsafe $0.matrix.native.dtype == MK_BF16 }
    unsafe native = segments.map { segment in
      unsafe mk_linear_segment(matrix: segment.matrix.native, bias: UnsafePointer(segment.bias?.pointer))
    }
  }
}
