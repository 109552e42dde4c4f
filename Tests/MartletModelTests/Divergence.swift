import Foundation

/// Mean Kullback-Leibler divergence in nats of next-token distributions given as logits [rows, vocabulary].
func divergence(_ reference: [Float], _ values: [Float], vocabulary: Int) -> Double {
  let rows = reference.count / vocabulary
  var sum = 0.0
  for row in 0..<rows {
    let p = reference[row * vocabulary..<(row + 1) * vocabulary], q = values[row * vocabulary..<(row + 1) * vocabulary]
    let left = logSum(p), right = logSum(q)
    for index in p.indices {
      let logP = Double(p[index]) - left
      guard logP > -40 else { continue }
      sum += exp(logP) * (logP - (Double(q[index]) - right))
    }
  }
  return sum / Double(rows)
}

private func logSum(_ logits: ArraySlice<Float>) -> Double {
  let top = logits.max() ?? 0
  return Double(top) + log(logits.reduce(0.0) { $0 + Double(expf($1 - top)) })
}
