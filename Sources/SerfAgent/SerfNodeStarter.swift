package import Serf
import SerfClient
import SerfTransport

/// Starts a real ``SerfNode`` over the transport that the command line names.
package struct SerfNodeStarter: NodeStarter {
  package init() {}

  package func start(_ configuration: AgentConfiguration, log: AgentLog) async throws(AgentFailure) -> StartedNode {
    let choice = try await TransportChoice(configuration)
    var settings = SerfConfiguration(name: choice.node, profile: configuration.profile, tags: configuration.tags)
    settings.userEvents.deliversOldEvents = configuration.replay
    (settings.coalescing.members, settings.coalescing.userEvents) = (.agent, .agent)
    settings.snapshot.path = configuration.snapshotPath
    settings.snapshot.rejoinAfterLeave = configuration.rejoinAfterLeave
    settings.keyringFile = configuration.keyringFile
    settings.advertise = try configuration.advertiseAddress()
    settings.allowedNetworks = try configuration.allowedNetworks()
    do {
      let node = try SerfNode(transport: choice.factory, configuration: settings, logger: log.logger("serf"))
      // Before the start, so that the node's own join is among them.
      let events = node.subscription()
      try await node.start()
      return StartedNode(
        node: node, events: events, name: choice.node, bindAddress: try await node.localAddress(), protection: choice.protection,
        ended: {
          do {
            try await node.run()
            return nil
          } catch let error as SerfError where error.code == .nameConflict {
            // As in Go, this is no failure: an agent that starts again would meet the same node. The log says why.
            return nil
          } catch {
            return flagged("\(error)")
          }
        },
        reloadCredentials: choice.reload)
    } catch {
      throw AgentFailure("\(error)", mayPass: (error as? SerfError)?.code == .noAddress)
    }
  }
}

extension SerfNode: AgentNode {
  package func subscription() -> any AsyncSequence<SerfEvent, Never> & Sendable {
    // More than the default: a replay can bring more than 1,024 events at once.
    events(bufferLimit: 4_096)
  }

  package func updateTags(setting: [String: String], deleting: [String]) async throws {
    try await updateTags { tags in
      for key in deleting { tags[key] = nil }
      for (key, value) in setting { tags[key] = value }
    }
  }

  package func sections() async throws -> [String: [String: String]] {
    try await statistics().sections
  }
}

extension SerfStatistics {
  /// As `serf info` prints them: the value of each figure by section and key.
  package var sections: [String: [String: String]] {
    var sections: [String: [String: String]] = [:]
    for figure in figures { sections[figure.section, default: [:]][figure.key] = String(figure.value) }
    sections["serf", default: [:]]["encrypted"] = String(isEncrypted)
    return sections
  }
}

extension AgentConfiguration {
  /// The node's identity, loaded and checked.
  func credentials() throws(AgentFailure) -> Credentials {
    let flags = [("-tls-ca", tls.authorities), ("-tls-cert", tls.certificate), ("-tls-key", tls.privateKey)]
    guard let authorities = tls.authorities, let certificate = tls.certificate, let privateKey = tls.privateKey else {
      let missing = flags.filter { $0.1 == nil }.map(\.0)
      throw AgentFailure(
        "an agent proves its name with a certificate, and \(missing.joined(separator: ", ")) \(missing.count == 1 ? "is" : "are") missing; "
          + "'serf certs' makes the files")
    }
    let files = Credentials.Files(
      authorities: authorities, certificate: certificate, privateKey: privateKey, revocations: tls.revocations,
      allowsInsecureKey: tls.allowsInsecureKey)
    do {
      return try Credentials(files: files, cluster: tls.cluster, mode: tls.identity, expecting: nodeName)
    } catch {
      throw AgentFailure("\(error)")
    }
  }

  /// Where to listen: `-bind`, or the address of `-iface` when `-bind` gives no concrete one.
  func bindAddress() async throws(AgentFailure) -> NodeAddress {
    let address = try await resolvedBind()
    guard let interface else { return address }
    guard let addresses = Interfaces.addresses(of: interface) else {
      throw AgentFailure("there is no network interface \(printable(interface)); 'ip address' lists them")
    }
    if !address.isUnspecified {
      // The interface's own form has the zone of a link-local address.
      guard let own = addresses.first(where: { $0.isSameEndpoint(as: address.with(port: 0)) }) else {
        throw AgentFailure(
          "interface \(printable(interface)) has no address \(address.host); give one of its addresses with -bind, or give only -iface")
      }
      return own.with(port: address.port)
    }
    let usable = addresses.filter { !$0.isLinkLocal }
    guard let first = usable.first(where: \.isIPv4) ?? usable.first else {
      throw AgentFailure("interface \(printable(interface)) has no address to listen on; give one with -bind", mayPass: true)
    }
    return first.with(port: address.port)
  }

  private func resolvedBind() async throws(AgentFailure) -> NodeAddress {
    do throws(SerfError) {
      if let address = try Interfaces.address(parsing: bind, defaultPort: 7946) { return address }
    } catch { throw AgentFailure("-bind: \(error)") }
    guard let (host, port) = hostAndPort(bind, defaultPort: 7946) else {
      throw AgentFailure("-bind \(printable(bind)) is no address; write IP, IP:port or [IPv6]:port")
    }
    do {
      // It gives at least one address or throws.
      return try await DefaultResolver().resolve(host, port: port)[0]
    } catch {
      throw AgentFailure("-bind: \(error)")
    }
  }

  func allowedNetworks() throws(AgentFailure) -> AllowedNetworks {
    do { return try AllowedNetworks(parsing: allow) } catch { throw AgentFailure("-allow \(error)") }
  }

  func advertiseAddress() throws(AgentFailure) -> NodeAddress? {
    guard let advertise else { return nil }
    guard let address = NodeAddress(parsing: advertise, defaultPort: 7946), address.isUsableAsPeer else {
      throw AgentFailure("-advertise \(printable(advertise)) is no address that others can use; write IP, IP:port or [IPv6]:port")
    }
    return address
  }
}
