import SerfWire
import Testing

@Suite("SHA-256")
struct SHA256Tests {
  private static func hex(_ bytes: [UInt8]) -> String {
    SHA256.digest(of: bytes.span.bytes).bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// From FIPS 180-4's examples, and `sha256sum` for the lengths around a block.
  @Test(
    "gives the digests of the standard's examples, and of lengths around a block",
    arguments: [
      ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      ("a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
      ("a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
      ("a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
      ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
  func examples(text: String, count: Int, digest: String) {
    #expect(Self.hex(Array(String(repeating: text, count: count).utf8)) == digest)
  }

  @Test("is read from 32 bytes and no others")
  func reading() {
    let digest = SHA256.digest(of: [1, 2, 3].span.bytes)
    #expect(SHA256.Digest(digest.bytes.span.bytes) == digest)
    #expect(SHA256.Digest(Array(digest.bytes.dropLast()).span.bytes) == nil)
  }
}
