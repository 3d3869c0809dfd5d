import SerfPrimitives

extension NodeAddress {
  /// Whether a node whose transport is bound to `local` may advertise this address: peers dial what they are told.
  ///
  /// - Throws: ``SerfError/Code/noAddress`` if an interface may still get one, ``SerfError/Code/configuration`` if another setting is needed.
  func checkReachable(boundTo local: NodeAddress) throws(SerfError) {
    guard !isUsableAsPeer else { return }
    guard isUnspecified, isSameEndpoint(as: local) else {
      throw SerfError(
        .configuration,
        "\(self) is no address that others can send to. Advertise (\(SettingName.advertise)) or bind the address of one host, with a port")
    }
    let kind = local.isIPv4 ? "IPv4 address" : "address"
    let both = local.isIPv4 ? ", bind to [::]:\(port) where there is only IPv6" : ""
    throw SerfError(
      .noAddress,
      """
      bound to \(local), and no interface of this machine has an \(kind) that others could reach. Bring one up\(both), say where others reach this \
      node (\(SettingName.advertise)), or bind to 127.0.0.1 for this machine alone
      """)
  }
}
