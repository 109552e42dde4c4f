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
  /// Whether a product of few rows takes a norm from the one before and leaves one to the next on its way.
  package let passesNorms: Bool
  let native: [mk_linear_segment]

  package init(_ segments: [Segment]) {
    self.segments = segments
    columns = segments.first?.matrix.columns ?? 0
    outputs = segments.reduce(0) { $0 + $1.matrix.rows }
    passesNorms = segments.allSatisfy { segment in
      unsafe segment.matrix.native.dtype == MK_BF16 || segment.matrix.native.dtype == MK_F8_E4M3
    }
    unsafe native = segments.map { segment in
      unsafe mk_linear_segment(matrix: segment.matrix.native, bias: UnsafePointer(segment.bias?.pointer))
    }
  }
}
