/// Why credentials could not be loaded: which file, what is wrong with it, and what to do next. The cause of a ``SerfError`` with
/// ``SerfError/Code/credentials``.
///
/// Nothing has changed when this is thrown: a node that was reloading keeps what it had.
public struct CredentialsError: Error, Hashable, Sendable {
  public enum Code: Hashable, Sendable {
    case missing, unreadable, tooLarge, empty, notPEM
    case keyEncrypted, keyReadableByOthers, keyMismatch, keyUnsupported
    /// The CA file holds a certificate that is not an authority's, or one that is too weak.
    case notAnAuthority
    /// The revocation list is broken, or another authority signed it.
    case revocationsUnusable
    /// Our own certificate would be refused by our peers.
    case refused(VerificationFailure)
    case clusterNotInAlphabet, nameNotInAlphabet
    /// The configured node name is not the one in the certificate.
    case nameNotCarried
    /// A file to be written exists already, or cannot be written.
    case exists, notWritable
    case internalFailure
  }

  public let code: Code
  /// The file concerned; nil when it is a setting.
  public let file: String?
  /// What is wrong, a clause.
  public let cause: String
  /// What to do, a sentence without its full stop.
  public let nextStep: String

  package init(_ code: Code, file: String?, cause: String, nextStep: String) {
    self.code = code
    self.file = file
    self.cause = cause
    self.nextStep = nextStep
  }
}

extension CredentialsError {
  /// One word for JSON and counters. It never changes.
  public var label: String {
    switch code {
    case .missing: "missing"
    case .unreadable: "unreadable"
    case .tooLarge: "tooLarge"
    case .empty: "empty"
    case .notPEM: "notPEM"
    case .keyEncrypted: "keyEncrypted"
    case .keyReadableByOthers: "keyReadableByOthers"
    case .keyMismatch: "keyMismatch"
    case .keyUnsupported: "keyUnsupported"
    case .notAnAuthority: "notAnAuthority"
    case .revocationsUnusable: "revocationsUnusable"
    case .refused(let failure): failure.label
    case .clusterNotInAlphabet: "clusterNotInAlphabet"
    case .nameNotInAlphabet: "nameNotInAlphabet"
    case .nameNotCarried: "nameNotCarried"
    case .exists: "exists"
    case .notWritable: "notWritable"
    case .internalFailure: "internalFailure"
    }
  }
}

extension CredentialsError: CustomStringConvertible {
  /// One line: `node1.pem: the certificate expired on 2026-11-01 12:00:00 UTC; issue a new one with 'serf certs node'`.
  public var description: String { (file.map { "\($0): " } ?? "") + "\(cause); \(nextStep)" }
}
