/// Why credentials could not be loaded: which file, what is wrong with it, and what to do next. The cause of a ``SerfError`` with
/// ``SerfError/Code/credentials``.
///
/// Nothing has changed when this is thrown: a node that was reloading keeps what it had.
public struct CredentialsError: Error, Hashable, Sendable {
  /// What is wrong.
  ///
  /// Compare with `==`, or in a `switch` with a `default`: later versions have more codes.
  public struct Code: Hashable, Sendable {
    /// There is no such file, or a setting names none.
    public static let missing = Code(kind: .missing)
    /// The file cannot be read.
    public static let unreadable = Code(kind: .unreadable)
    /// The file is larger than such a file can be.
    public static let tooLarge = Code(kind: .tooLarge)
    /// The file holds nothing.
    public static let empty = Code(kind: .empty)
    /// The file holds no PEM of the kind that is needed.
    public static let notPEM = Code(kind: .notPEM)
    /// The private key is encrypted with a password.
    public static let keyEncrypted = Code(kind: .keyEncrypted)
    /// Group or others can read the private key.
    public static let keyReadableByOthers = Code(kind: .keyReadableByOthers)
    /// The private key does not belong to the certificate.
    public static let keyMismatch = Code(kind: .keyMismatch)
    /// The private key is of a kind that is not supported.
    public static let keyUnsupported = Code(kind: .keyUnsupported)
    /// The CA file holds a certificate that is not an authority's, or one that is too weak.
    public static let notAnAuthority = Code(kind: .notAnAuthority)
    /// The revocation list is broken, or another authority signed it.
    public static let revocationsUnusable = Code(kind: .revocationsUnusable)
    /// The cluster's name has characters that are not allowed, or too many.
    public static let clusterNotInAlphabet = Code(kind: .clusterNotInAlphabet)
    /// The configured node name has characters that are not allowed, or too many.
    public static let nameNotInAlphabet = Code(kind: .nameNotInAlphabet)
    /// The configured node name is not the one in the certificate.
    public static let nameNotCarried = Code(kind: .nameNotCarried)
    /// A file to be written exists already.
    public static let exists = Code(kind: .exists)
    /// A file cannot be written.
    public static let notWritable = Code(kind: .notWritable)
    /// The TLS library refuses what passed all checks.
    public static let internalFailure = Code(kind: .internalFailure)

    /// Our own certificate would be refused by our peers, for this reason.
    public static func refused(_ failure: VerificationFailure) -> Code { Code(kind: .refused, verificationFailure: failure) }

    /// Why our peers would refuse our own certificate; nil with any other code.
    public private(set) var verificationFailure: VerificationFailure?

    fileprivate enum Kind: String {
      case missing, unreadable, tooLarge, empty, notPEM
      case keyEncrypted, keyReadableByOthers, keyMismatch, keyUnsupported
      case notAnAuthority, revocationsUnusable, refused, clusterNotInAlphabet, nameNotInAlphabet, nameNotCarried
      case exists, notWritable, internalFailure
    }
    fileprivate let kind: Kind

    private init(kind: Kind, verificationFailure: VerificationFailure? = nil) {
      self.kind = kind
      self.verificationFailure = verificationFailure
    }
  }

  /// What kind of fault it is, for code that reacts to it.
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
  public var label: String { code.verificationFailure?.label ?? code.kind.rawValue }
}

extension CredentialsError: CustomStringConvertible {
  /// One line: `node1.pem: the certificate expired on 2026-11-01 12:00:00 UTC; issue a new one with 'serf certs node'`.
  public var description: String { (file.map { "\($0): " } ?? "") + "\(cause); \(nextStep)" }
}
