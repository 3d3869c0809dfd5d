#if QUIC
  package import SerfPrimitives
  import SerfWire

  /// What each side sends first on its first unidirectional stream (`secure-transport.md` 2.10): one MessagePack map. Nothing waits for it.
  package struct Hello: Hashable, Sendable {
    /// The version of this map.
    package static let version: UInt64 = 1

    /// The address at which the node says that it can be reached. With a NAT in between, its packets come from another one.
    package var address: NodeAddress
    /// What the node reads. Unknown bits are ignored.
    package var features: PeerFeatures = []

    package init(address: NodeAddress, features: PeerFeatures = .ours) {
      self.address = address
      self.features = features
    }

    /// Reads a map and ignores unknown keys; nil when it is not one, or has no address.
    package init?(_ bytes: RawSpan) {
      var reader = MessagePackReader(bytes)
      var host: [UInt8] = []
      var port: UInt16 = 0
      do throws(WireError) {
        var fields = try reader.readStruct()
        while let key = try reader.nextField(&fields, declared: "Addr Features Port Version") {
          if key.equals("Addr") {
            host = try reader.readString().withUnsafeBytes { Array($0) }
          } else if key.equals("Features") {
            features = PeerFeatures(rawValue: try reader.readInteger())
          } else if key.equals("Port") {
            port = try reader.readInteger()
          } else {
            try reader.skip()
          }
        }
      } catch { return nil }
      guard let address = NodeAddress(bytes: host, port: port), port > 0 else { return nil }
      self.address = address
    }

    /// The map, with its keys in byte order.
    package var encoded: [UInt8] {
      var bytes: [UInt8] = []
      var writer = MessagePackWriter(taking: &bytes)
      writer.map(4)
      writer.field("Addr", binary: address.bytes.span.bytes)
      writer.field("Features", features.rawValue)
      writer.field("Port", UInt64(address.port))
      writer.field("Version", Self.version)
      return writer.finish()
    }
  }

  extension PeerFeatures {
    /// What this version reads.
    package static var ours: PeerFeatures {
      TransportCompression.zstd.isAvailable ? [.zstd, .largeMessages, .userData] : [.largeMessages, .userData]
    }
  }
#endif
