import SerfAgent
package import SerfIdentity
import SerfPrimitives

/// The verdict on every file of a ``CertificateFiles``, as text and as JSON.
package struct CertificateReport {
  /// One certificate: its properties in the order of printing, and the verdict.
  struct Entry {
    let file: String
    var facts: [(label: String, value: Fact)]
    var problem: CredentialsError?
  }

  enum Fact {
    case text(String)
    case time(UTCTime)
    case list([String])

    var text: String {
      switch self {
      case .text(let text): text
      case .time(let time): time.description
      case .list(let items): items.joined(separator: ", ")
      }
    }

    var json: OrderedJSON {
      switch self {
      case .text(let text): .string(text)
      case .time(let time): .string(time.iso8601)
      case .list(let items): .array(items.map { .string($0) })
      }
    }
  }

  private(set) var authorities: [Entry] = []
  private(set) var certificates: [Entry] = []

  package var problems: [CredentialsError] { (authorities + certificates).compactMap(\.problem) }

  package init(_ given: CertificateFiles, cluster: String?, mode: IdentityMode, expecting: String?, at now: UTCTime) {
    for parsed in given.authorities {
      for index in 0..<parsed.chain.count {
        authorities.append(Self.describe(authority: parsed.chain[index], in: parsed.file, at: now))
      }
    }
    var unmatched = given.keys
    let cluster = cluster ?? given.authorities.lazy.compactMap { CertificateAuthority.cluster(of: $0.chain.leaf) }.first ?? "default"
    for parsed in given.certificates {
      let key = unmatched.firstIndex { $0.key.matches(parsed.chain) }.map { unmatched.remove(at: $0) }
      var entry = Self.describe(certificate: parsed, key: key?.file)
      // With one certificate and only keys that do not belong to it, the first key counts as the mistake.
      let authorityKeys = given.authorities.map(\.chain)
      let suspect =
        key ?? (given.certificates.count == 1 ? unmatched.first { key in !authorityKeys.contains { key.key.matches($0) } } : nil)
      entry.judge(parsed, key: suspect, among: given, cluster: cluster, mode: mode, expecting: expecting, at: now)
      certificates.append(entry)
    }
  }

  package var text: String {
    (authorities + certificates).map { entry in
      let lines = entry.facts.map { "  \($0.label.padded(to: 10))  \($0.value.text)" }
      return ([entry.file] + lines + ["  " + (entry.problem.map { "refused: \($0.cause)" } ?? "accepted")]).joined(separator: "\n")
    }.joined(separator: "\n")
  }

  package var json: OrderedJSON {
    .object([("authorities", .array(authorities.map(\.json))), ("certificates", .array(certificates.map(\.json)))])
  }

  private static func describe(authority: Certificate, in file: String, at now: UTCTime) -> Entry {
    var entry = Entry(
      file: file,
      facts: [
        ("authority", .text(authority.subject)), ("from", .time(authority.notBefore)), ("until", .time(authority.notAfter)),
        ("key", .text(authority.key.kind.description)),
      ])
    let cause =
      !authority.isAuthority
      ? "the certificate of \(authority.subject) is not an authority's (basicConstraints CA)"
      : now < authority.notBefore
        ? "the authority is not valid before \(authority.notBefore)"
        : now > authority.notAfter ? "the authority expired on \(authority.notAfter)" : nil
    if let cause {
      entry.problem = CredentialsError(.notAnAuthority, file: file, cause: cause, nextStep: "make a new one with 'serf certs ca'")
    }
    return entry
  }

  private static func describe(certificate parsed: CertificateFiles.Parsed, key: String?) -> Entry {
    let leaf = parsed.chain.leaf
    let subjects = (0..<parsed.chain.count).map { parsed.chain[$0].subject }
    var facts: [(label: String, value: Fact)] = [
      ("names", .list(leaf.printableNames)), ("from", .time(leaf.notBefore)), ("until", .time(leaf.notAfter)),
      ("key", .text(leaf.key.kind.description)), ("purposes", .list(leaf.purposeNames)),
      ("signature", .text(leaf.signatureAlgorithm)), ("serial", .text(leaf.serial)),
      ("chain", .list(subjects + [parsed.chain[parsed.chain.count - 1].issuer])),
    ]
    if let key { facts.insert(("keyFile", .text(key)), at: 4) }
    return Entry(file: parsed.file, facts: facts)
  }
}

extension CertificateReport.Entry {
  /// What an agent with these files would say.
  fileprivate mutating func judge(
    _ parsed: CertificateFiles.Parsed, key: (file: String, key: PrivateKey)?, among given: CertificateFiles, cluster: String,
    mode: IdentityMode, expecting: String?, at now: UTCTime
  ) {
    guard !given.authorities.isEmpty else {
      problem = CredentialsError(
        .missing, file: file, cause: "without an authority's certificate no peer accepts it", nextStep: "name the CA file with -tls-ca")
      return
    }
    let files = Credentials.Files(
      authorities: given.authorities.map(\.file).joined(separator: ", "), certificate: parsed.file, privateKey: key?.file ?? "",
      revocations: given.revocations.isEmpty ? nil : given.revocations.map(\.file).joined(separator: ", "))
    let pem = Credentials.PEM(
      authorities: given.authorities.flatMap(\.pem), certificate: parsed.pem, privateKey: [],
      revocations: given.revocations.isEmpty ? nil : given.revocations.flatMap(\.pem))
    do throws(CredentialsError) {
      let identity = try Credentials.check(
        pem: pem, privateKey: key?.key, files: files, cluster: cluster, mode: mode, expecting: expecting, at: now
      ).identity
      facts.insert(("node", .text(identity.node.description)), at: 0)
      if let cluster = identity.name.cluster { facts.insert(("cluster", .text(cluster)), at: 1) }
    } catch {
      problem = error
    }
  }

  fileprivate var json: OrderedJSON {
    var members: [(key: String, value: OrderedJSON)] = [("file", .string(file))]
    members += facts.map { ($0.label, $0.value.json) }
    members.append(("accepted", .bool(problem == nil)))
    if let problem {
      members.append(("reason", .string(problem.label)))
      members.append(("message", .string(flagged(problem.description))))
    }
    return .object(members)
  }
}

extension Certificate {
  fileprivate var printableNames: [String] {
    let names = (try? alternativeNames().names) ?? []
    return names.map { name in
      switch name {
      case .uri(let bytes): escaped(bytes)
      case .dns(let bytes): "DNS " + escaped(bytes)
      case .other: "other"
      }
    }
  }

  fileprivate var purposeNames: [String] {
    [
      (keyUsage.contains(.digitalSignature), "digitalSignature"), (purposes.contains(.clientAuth), "clientAuth"),
      (purposes.contains(.serverAuth), "serverAuth"), (purposes.contains(.any), "any"), (isAuthority, "authority"),
    ].filter(\.0).map(\.1)
  }
}
