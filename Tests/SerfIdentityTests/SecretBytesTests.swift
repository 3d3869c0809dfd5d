import SerfIdentity
import SerfPrimitives
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("Secret bytes")
struct SecretBytesTests {
  @Test("are overwritten before their memory goes back, including the unused part")
  func overwritten() {
    let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
    defer { storage.deallocate() }
    storage.copyBytes(from: [UInt8](repeating: 7, count: 100))
    nonisolated(unsafe) var left: [UInt8]?
    do {
      let secret = SecretBytes(adopting: storage, count: 60) { left = Array($0) }
      let other = secret
      #expect(other.copy == [UInt8](repeating: 7, count: 60))
      #expect(left == nil)
    }
    #expect(left == [UInt8](repeating: 0, count: 100))
  }

  @Test("are equal when they are the same, whatever memory they are in")
  func equality() {
    #expect(SecretBytes(copying: [1, 2, 3]) == SecretBytes(copying: [1, 2, 3]))
    #expect(SecretBytes(copying: [1, 2, 3]) != SecretBytes(copying: [1, 2, 4]))
    #expect(SecretBytes(copying: [1, 2, 3]) != SecretBytes(copying: [1, 2]))
    #expect(SecretBytes(copying: []) == SecretBytes(copying: []))
  }

  @Test("can be searched", arguments: [("ENCRYPTED", true), ("NO", false), ("", true)])
  func search(text: String, isFound: Bool) {
    let secret = SecretBytes(copying: Array("-----BEGIN ENCRYPTED PRIVATE KEY-----".utf8))
    switch text {
    case "ENCRYPTED": #expect(secret.contains("ENCRYPTED") == isFound)
    case "NO": #expect(secret.contains("CRYPTID") == isFound)
    default: #expect(secret.contains("") == isFound)
    }
    #expect(!SecretBytes(copying: [0x45]).contains("ENCRYPTED"))
  }

  @Test("of a key file are nowhere in memory once the key is loaded and released")
  func keyFile() throws {
    let directory = try TemporaryDirectory()
    let issued = try authority.get().issue(goodRequest())
    let (certificate, key) = (directory.path + "/node.pem", directory.path + "/node.key")
    try CredentialFile.write(issued.certificatePEM, to: certificate, mode: 0o600, overwrite: false)
    try CredentialFile.write(issued.key.pem, to: key, mode: 0o600, overwrite: false)
    let ca = try directory.write("ca.pem", authority.get().certificatePEM)
    // Half of the key's text, kept in a form in which the search does not find it.
    let mask = Self.masked(issued.key.pem)
    #expect(Self.count(mask) == 0)
    do {
      let credentials = try Credentials(files: .init(authorities: ca, certificate: certificate, privateKey: key), at: noon)
      #expect(credentials.node == "node-1")
      #expect(Self.count(mask) == 0)
      // The search finds bytes that are in memory.
      let text = credentials.privateKeyPEM
      #expect(Self.count(mask) == 1)
      withExtendedLifetime(text) {}
    }
    #expect(Self.count(mask) == 0)
  }

  /// 32 bytes out of the key's part of a PEM text, each with all bits inverted.
  private static func masked(_ pem: SecretBytes) -> [UInt8] { pem.withUnsafeBytes { $0[90..<122].map { ~$0 } } }

  /// How often the bytes are in this process's writable memory. It is read through the kernel, because other tests map and unmap memory at the same
  /// time.
  private static func count(_ mask: [UInt8]) -> Int {
    let memory = open("/proc/self/mem", O_RDONLY)
    let window = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 1)
    defer {
      close(memory)
      memset(window.baseAddress!, 0, window.count)
      window.deallocate()
    }
    let own = UInt(bitPattern: window.baseAddress!)..<UInt(bitPattern: window.baseAddress! + window.count)
    var found = 0
    for range in writableRanges() {
      var start = range.lowerBound
      while start < range.upperBound {
        if own.contains(start) {
          start = own.upperBound
          continue
        }
        let end = min(range.upperBound, start + UInt(window.count), start < own.lowerBound ? own.lowerBound : .max)
        let count = pread(memory, window.baseAddress, Int(end - start), off_t(start))
        guard count > 0 else { break }
        found += occurrences(of: mask, in: UnsafeRawBufferPointer(rebasing: window[..<count]))
        // Bytes across the end of a window are found in the next one.
        start += UInt(count) == end - start && end < range.upperBound && count > mask.count ? UInt(count - mask.count + 1) : UInt(count)
      }
    }
    return found
  }

  private static func occurrences(of mask: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int {
    var (found, position) = (0, 0)
    while position + mask.count <= bytes.count,
      let next = memchr(bytes.baseAddress! + position, Int32(~mask[0]), bytes.count - position - mask.count + 1)
    {
      let candidate = UnsafeRawPointer(next)
      if mask.indices.allSatisfy({ candidate.load(fromByteOffset: $0, as: UInt8.self) == ~mask[$0] }) { found += 1 }
      position = candidate - bytes.baseAddress! + 1
    }
    return found
  }

  /// The heap, stacks and data of this process, without what sanitizers reserve.
  private static func writableRanges() -> [Range<UInt>] {
    guard let file = fopen("/proc/self/maps", "r") else { return [] }
    defer { fclose(file) }
    var ranges: [Range<UInt>] = []
    var line = [CChar](repeating: 0, count: 1024)
    while fgets(&line, Int32(line.count), file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
      let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard words[1].hasPrefix("rw"), ends.count == 2, ends[1] - ends[0] < 256 << 20 else { continue }
      ranges.append(ends[0]..<ends[1])
    }
    return ranges
  }
}
