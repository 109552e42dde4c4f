import Testing

@testable import MartletBench

@Suite struct EventFramesTests {
  @Test func anyCutGivesTheSamePayloads() {
    let stream = Array("data: {\"a\": \"ü\"}\n\n: keep-alive\n\ndata:{}\r\n\r\nevent: x\ndata: [DONE]\n\n".utf8)
    let expected = ["{\"a\": \"ü\"}", "{}", "[DONE]"].map { Array($0.utf8) }
    for first in 0...stream.count {
      for second in [first, (first + stream.count) / 2, stream.count] where second >= first {
        var frames = EventFrames()
        var payloads = frames.append(stream[..<first])
        payloads += frames.append(stream[first..<second])
        payloads += frames.append(stream[second...])
        #expect(payloads == expected)
      }
    }
  }
}
