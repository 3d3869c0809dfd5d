import SerfTransport
import Testing

@Suite struct DatagramBacklogTests {
  /// A kernel that takes datagrams of one byte while it has room.
  private final class Kernel {
    var room = 0
    var taken: [(byte: UInt8, target: String)] = []

    func send(_ bytes: UnsafeRawBufferPointer, _ target: String) -> Int {
      for (index, byte) in bytes.enumerated() {
        guard room > 0 else { return bytes.count - index }
        room -= 1
        taken.append((byte, target))
      }
      return 0
    }
  }

  /// Sends as the port does.
  private func drain(_ backlog: inout DatagramBacklog<String>, _ send: (UnsafeRawBufferPointer, String) -> Int) {
    while let (bytes, target) = backlog.first {
      let rest = bytes.withUnsafeBytes { send($0, target) }
      backlog.firstSent(but: rest)
      guard rest == 0 else { return }
    }
  }

  private func append(_ bytes: [UInt8], _ target: String, to backlog: inout DatagramBacklog<String>) -> Bool {
    bytes.withUnsafeBytes { backlog.append($0, for: target) }
  }

  @Test("waiting datagrams are sent in order, each datagram once, however little room there is at a time", arguments: [1, 2, 3, 100])
  func order(room: Int) {
    var backlog = DatagramBacklog<String>(limit: 100)
    let kernel = Kernel()
    #expect(append([1, 2, 3], "a", to: &backlog))
    #expect(append([4], "b", to: &backlog))
    #expect(append([5, 6], "a", to: &backlog))
    #expect(backlog.byteCount == 6)
    var turns = 0
    while !backlog.isEmpty, turns < 10 {
      kernel.room = room
      drain(&backlog) { kernel.send($0, $1) }
      #expect(backlog.byteCount == 6 - kernel.taken.count)
      turns += 1
    }
    #expect(kernel.taken.map(\.byte) == [1, 2, 3, 4, 5, 6])
    #expect(kernel.taken.map(\.target) == ["a", "a", "a", "b", "a", "a"])
    #expect(turns == (6 + room - 1) / room)
  }

  @Test("a thousand that wait and leave one by one keep their order and their count")
  func many() {
    var backlog = DatagramBacklog<String>(limit: 1 << 20)
    let numbers = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    for number in numbers { #expect(append([number], "a", to: &backlog)) }
    let kernel = Kernel()
    for left in stride(from: 999, through: 0, by: -1) {
      kernel.room = 1
      drain(&backlog) { kernel.send($0, $1) }
      #expect(backlog.byteCount == left)
    }
    #expect(kernel.taken.map(\.byte) == numbers)
  }

  @Test("what does not fit is refused, and fits again when others have been sent")
  func bounded() {
    var backlog = DatagramBacklog<String>(limit: 4)
    #expect(append([1, 2, 3], "a", to: &backlog))
    #expect(!append([4, 5], "a", to: &backlog))
    #expect(append([4], "a", to: &backlog))
    #expect(!append([5], "a", to: &backlog))
    let kernel = Kernel()
    kernel.room = 2
    drain(&backlog) { kernel.send($0, $1) }
    #expect(append([6, 7], "a", to: &backlog))
    kernel.room = 10
    drain(&backlog) { kernel.send($0, $1) }
    #expect(kernel.taken.map(\.byte) == [1, 2, 3, 4, 6, 7])
    #expect(backlog.isEmpty)
    #expect(backlog.byteCount == 0)
  }
}
