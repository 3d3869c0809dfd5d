#if QUIC || TLS
  import SerfIdentity
  import SerfPrimitives

  extension Credentials {
    /// Checks that new credentials are for the same node of the same cluster.
    func check(succeeding old: Credentials) throws(SerfError) {
      guard node == old.node, cluster == old.cluster else {
        throw SerfError(
          .credentials,
          "the new certificate is for '\(node)' of cluster '\(cluster)', not for '\(old.node)' of '\(old.cluster)'. The old one stays in force"
        )
      }
    }

    /// Checks that a node has the name that its certificate proves.
    func check(naming name: NodeName) throws(SerfError) {
      guard node == name else {
        throw SerfError(
          .configuration, "the node is called '\(name)' and its certificate is for '\(node)'. Use one name, or issue a certificate for it")
      }
    }
  }
#endif
