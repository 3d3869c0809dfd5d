import CNgtcp2
import Foundation
import SerfPrimitives
import Testing

/// The memory of connections: ngtcp2 gets large blocks, of which only what it writes to takes memory.
@Suite struct SparseMemoryTests {
  private static let page = 4096

  private static func take(_ size: Int) -> UnsafeMutableRawPointer {
    guard let memory = sq_memory_take(size) else { fatalError("no memory") }
    return memory
  }

  /// How many pages of memory the system has given for these bytes.
  private static func residentPages(of block: UnsafeMutableRawPointer, size: Int) -> Int {
    let start = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: block) / UInt(page) * UInt(page))!
    let count = (block + size - start + page - 1) / page
    var flags = [UInt8](repeating: 0, count: count)
    guard mincore(start, count * page, &flags) == 0 else { fatalError("mincore: errno \(errno)") }
    return flags.count { $0 & 1 != 0 }
  }

  @Test("a block takes memory for what is written to it", .enabled(if: sq_memory_is_sparse()))
  func untouched() {
    let size = 11_288
    let blocks = (0..<300).map { _ in Self.take(size) }
    for block in blocks { block.storeBytes(of: 1, as: UInt8.self) }
    // A few blocks have memory already, because another connection had them.
    #expect(blocks.reduce(0) { $0 + Self.residentPages(of: $1, size: size) } < 450, "of 900 pages")
    for block in blocks { sq_memory_give(block) }
  }

  @Test("the system gets the memory of blocks that are given back", .enabled(if: sq_memory_is_sparse()))
  func returned() {
    let size = 11_288
    let blocks = (0..<300).map { _ in Self.take(size) }
    for block in blocks { memset(block, 1, size) }
    #expect(blocks.reduce(0) { $0 + Self.residentPages(of: $1, size: size) } == 900)
    for block in blocks { sq_memory_give(block) }
    let again = (0..<300).map { _ in Self.take(size) }
    #expect(again.reduce(0) { $0 + Self.residentPages(of: $1, size: size) } < 450, "of 900 pages")
    for block in again { sq_memory_give(block) }
  }

  @Test("no two allocations share a byte, whatever their sizes", arguments: 1...3 as ClosedRange<UInt64>)
  func apart(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var live: [(bytes: UnsafeMutableRawBufferPointer, value: UInt8)] = []
    for step in 0..<3000 {
      if live.count > 200 || (step > 2000 && !live.isEmpty) {
        let (bytes, value) = live.remove(at: Int.random(in: 0..<live.count, using: &random))
        #expect(bytes.allSatisfy { $0 == value })
        sq_memory_give(bytes.baseAddress)
      } else {
        let size = Int.random(in: 1...20_000, using: &random)
        let bytes = UnsafeMutableRawBufferPointer(start: Self.take(size), count: size)
        #expect(UInt(bitPattern: bytes.baseAddress) % 16 == 0)
        let value = UInt8(step % 251)
        bytes.initializeMemory(as: UInt8.self, repeating: value)
        live.append((bytes, value))
      }
    }
    for (bytes, _) in live { sq_memory_give(bytes.baseAddress) }
  }
}
