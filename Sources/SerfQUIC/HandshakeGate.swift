package import SerfIdentity

/// The peer's handshake messages pass through this gate on their way to GnuTLS. GnuTLS checks the signature of CertificateVerify before it asks us
/// about the certificate, and it does so with the certificate's key, which is unchecked at that time.
///
/// ```
/// CRYPTO frames ──▶ header ──allowed──▶ GnuTLS
///                     │ Certificate: the body waits until it is complete ──screened──▶ GnuTLS
///                     └ a type that is not allowed here, too long, or a message across encryption levels ──▶ alert
/// ```
/// GnuTLS joins the bytes of all encryption levels into one stream, so the gate has one reader for all of them: a certificate cannot pass by arriving
/// at the wrong level.
package final class HandshakeGate {
  /// Which keys protected the bytes.
  package enum Level { case initial, handshake, application }

  /// What to do with the first bytes of an input. Pass the rest to the next call.
  package enum Step {
    /// `taken` bytes are done, and these bytes go on to GnuTLS: bytes of the input, or those that were held. Valid until the next call.
    case pass(UnsafeRawBufferPointer, taken: Int)
    /// `taken` bytes wait for the rest of their message.
    case hold(taken: Int)
    /// The handshake is over, with this TLS alert.
    case refuse(alert: UInt8)
  }

  /// What was wrong with the peer's certificates, if that was why the gate refused.
  package private(set) var failure: VerificationFailure?

  private let role: QUICRole
  private let messageLimit: Int
  private var header: [UInt8] = []
  /// Bytes of the current message that have not arrived yet.
  private var left = 0
  private var level = Level.initial
  /// The body of a Certificate message, with the length that its header states, and how much of it has arrived.
  private var held: UnsafeMutableRawBufferPointer?
  private var heldCount = 0

  /// A gate for a connection on which we have this role. No message of the peer may be longer than `messageLimit`.
  package init(role: QUICRole, messageLimit: Int) {
    self.role = role
    self.messageLimit = messageLimit
    header.reserveCapacity(4)
  }

  deinit { held?.deallocate() }

  /// The next bytes that the peer sent at `level`, in order; at least one.
  package func receive(_ bytes: UnsafeRawBufferPointer, at level: Level) -> Step {
    if left == 0 { releaseHeld() }
    var taken = 0
    while taken < bytes.count {
      // RFC 9001, 4.1.3: a message does not span a change of keys.
      if left > 0 || !header.isEmpty, level != self.level { return .refuse(alert: Alert.unexpectedMessage) }
      self.level = level
      if held != nil { return hold(bytes) }
      guard left == 0 else {
        let step = min(left, bytes.count - taken)
        left -= step
        taken += step
        continue
      }
      header.append(bytes[taken])
      taken += 1
      guard header.count == 4 else { continue }
      if let alert = begin() { return .refuse(alert: alert) }
      // The header may pass; the body waits.
      if held != nil { break }
    }
    return .pass(UnsafeRawBufferPointer(rebasing: bytes[..<taken]), taken: taken)
  }

  /// A header is complete. Returns the alert for a message that is not allowed.
  private func begin() -> UInt8? {
    let type = header[0]
    left = Int(header[1]) << 16 | Int(header[2]) << 8 | Int(header[3])
    header.removeAll(keepingCapacity: true)
    guard let limit = limit(of: type) else { return Alert.unexpectedMessage }
    if type == MessageType.certificate {
      guard left <= limit else { return refuse(.chainTooLarge) }
      guard left > 0 else { return refuse(.unreadable) }
      held = .allocate(byteCount: left, alignment: 1)
      heldCount = 0
    }
    return left <= limit ? nil : Alert.decodeError
  }

  private func hold(_ bytes: UnsafeRawBufferPointer) -> Step {
    let held = held!
    let step = min(left, bytes.count)
    UnsafeMutableRawBufferPointer(rebasing: held[heldCount...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<step]))
    heldCount += step
    left -= step
    guard left == 0 else { return .hold(taken: step) }
    do throws(VerificationFailure) {
      try CertificateMessage.screen(Array(held))
    } catch { return .refuse(alert: refuse(error)) }
    return .pass(UnsafeRawBufferPointer(held), taken: step)
  }

  private func refuse(_ failure: VerificationFailure) -> UInt8 {
    self.failure = failure
    return failure.tlsAlert
  }

  private func releaseHeld() {
    held?.deallocate()
    held = nil
  }

  /// How long a message of this type may be; nil when our handshakes do not allow it at the current level: no compressed certificates, no early data,
  /// no certificates after the handshake, and no KeyUpdate, which QUIC does not use.
  private func limit(of type: UInt8) -> Int? {
    switch (level, role, type) {
    case (.initial, .server, MessageType.clientHello), (.initial, .client, MessageType.serverHello): messageLimit
    case (.handshake, .client, MessageType.encryptedExtensions), (.handshake, .client, MessageType.certificateRequest): messageLimit
    case (.handshake, _, MessageType.certificate): messageLimit
    case (.handshake, _, MessageType.certificateVerify): Self.certificateVerifyLimit
    case (.handshake, _, MessageType.finished): Self.finishedLimit
    case (.application, .client, MessageType.newSessionTicket): messageLimit
    default: nil
    }
  }

  /// The algorithm, the length, and the signature of an RSA key of 4,096 bits.
  private static let certificateVerifyLimit = 2 + 2 + 512
  /// The longest hash.
  private static let finishedLimit = 64

  /// RFC 8446, 4.
  private enum MessageType {
    static let clientHello: UInt8 = 1
    static let serverHello: UInt8 = 2
    static let newSessionTicket: UInt8 = 4
    static let encryptedExtensions: UInt8 = 8
    static let certificate: UInt8 = 11
    static let certificateRequest: UInt8 = 13
    static let certificateVerify: UInt8 = 15
    static let finished: UInt8 = 20
  }

  /// RFC 8446, 6.2.
  private enum Alert {
    static let unexpectedMessage: UInt8 = 10
    static let decodeError: UInt8 = 50
  }
}
