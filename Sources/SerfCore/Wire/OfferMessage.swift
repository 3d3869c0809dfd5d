package import SerfWire

/// Says that a message with a large payload exists, and that its sender holds the payload (message 129, which Go does not have).
///
/// It is gossiped in place of the message, to members that say that they read it (`serf.md` section 9). The payload, the *body*, is fetched with a
/// ``FetchMessage``.
package struct OfferMessage: ~Escapable {
  /// What the body hashes to; nil if the bytes are no digest.
  package private(set) var digest: SHA256.Digest?
  /// How many bytes the body has. As sent.
  package private(set) var size: UInt64
  /// The member that made the body.
  package private(set) var origin: RawSpan
  /// The whole Serf message, with its type byte, without its payload.
  package private(set) var message: RawSpan

  /// An offer of ours.
  @_lifetime(copy origin, copy message)
  package init(digest: SHA256.Digest, size: Int, origin: RawSpan, message: RawSpan) {
    self.digest = digest
    self.size = UInt64(size)
    self.origin = origin
    self.message = message
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    digest = nil
    size = 0
    origin = RawSpan()
    message = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Digest Message Origin Size") {
      if key.equals("Digest") {
        digest = SHA256.Digest(try reader.readString())
      } else if key.equals("Message") {
        message = try reader.readString()
      } else if key.equals("Origin") {
        origin = try reader.readString()
      } else if key.equals("Size") {
        size = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.offer.rawValue)
    writer.map(4)
    writer.string("Digest")
    writer.binary(digest?.bytes ?? [])
    writer.field("Message", binary: message)
    writer.field("Origin", string: origin)
    writer.field("Size", size)
    writer.finish(into: &bytes)
  }
}

/// Asks a member for a body that it offered (message 130, which Go does not have), as the request of an exchange. The reply is a user message with the
/// body, or empty if the member does not hold it, or has too many to send.
package struct FetchMessage: Sendable {
  /// Which body; nil if the bytes are no digest.
  package private(set) var digest: SHA256.Digest?

  package init(digest: SHA256.Digest) { self.digest = digest }

  /// Decodes the map behind the type byte.
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    digest = nil
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Digest") {
      if key.equals("Digest") { digest = SHA256.Digest(try reader.readString()) } else { try reader.skip() }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.fetch.rawValue)
    writer.map(1)
    writer.string("Digest")
    writer.binary(digest?.bytes ?? [])
    writer.finish(into: &bytes)
  }
}
