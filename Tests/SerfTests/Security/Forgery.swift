#if QUIC
  import Memberlist
  import SerfCore
  import SerfPrimitives
  import SerfWire

  /// Messages as an attacker writes them: well formed, but not true.
  enum Forgery {
    static func ping(of node: NodeName, as source: NodeName) -> [UInt8] {
      written { Ping(sequenceNumber: 1, node: node.bytes.span.bytes, source: nil, sourceNode: source.bytes.span.bytes).encode(into: &$0) }
    }

    static func indirectPing(of node: NodeName, as source: NodeName) -> [UInt8] {
      written {
        IndirectPing(
          sequenceNumber: 1, node: node.bytes.span.bytes, target: nil, wantsNack: true, source: nil, sourceNode: source.bytes.span.bytes
        ).encode(into: &$0)
      }
    }

    static func ack(_ number: UInt32) -> [UInt8] { written { Ack(sequenceNumber: number, payload: nil).encode(into: &$0) } }
    static func nack(_ number: UInt32) -> [UInt8] { written { Nack(sequenceNumber: number).encode(into: &$0) } }

    static func suspect(_ node: NodeName, incarnation: UInt32 = 1, by accuser: NodeName) -> [UInt8] {
      written {
        Suspect(incarnation: incarnation, node: node.bytes.span.bytes, from: accuser.bytes.span.bytes).encode(into: &$0)
      }
    }

    /// A death notice; it is a farewell if the node itself is the accuser.
    static func dead(_ node: NodeName, incarnation: UInt32 = 1, by accuser: NodeName) -> [UInt8] {
      written { Dead(incarnation: incarnation, node: node.bytes.span.bytes, from: accuser.bytes.span.bytes).encode(into: &$0) }
    }

    static func alive(
      _ node: NodeName, at address: NodeAddress?, incarnation: UInt32 = 1, tags: [String: String] = [:],
      versions: ProtocolVersions? = .current
    ) -> [UInt8] {
      let meta = TagMap.encode(meta: tags)
      return written {
        Alive(
          incarnation: incarnation, node: node.bytes.span.bytes, address: address, meta: meta.span.bytes, versions: versions
        ).encode(into: &$0)
      }
    }

    /// An entry of a push/pull.
    struct Entry {
      var name: NodeName
      var address: NodeAddress
      var incarnation: UInt32 = 1
      var state = MemberState.alive
      var tags: [String: String] = [:]
      var versions = ProtocolVersions.current
    }

    static func pushPull(_ entries: [Entry], state: [UInt8] = [], isJoin: Bool = true) -> [UInt8] {
      written { bytes in
        PushPullHeader(isJoin: isJoin, nodeCount: entries.count, userStateLength: state.count).encode(into: &bytes)
        for entry in entries {
          let meta = TagMap.encode(meta: entry.tags)
          PushPullNode(
            name: entry.name.bytes.span.bytes, address: entry.address, meta: meta.span.bytes, incarnation: entry.incarnation,
            state: Int(entry.state.rawValue), versions: entry.versions
          ).encode(into: &bytes)
        }
        bytes += state
      }
    }

    /// Serf's part of a push/pull, with these clocks and one event.
    static func state(memberTime: UInt64, eventTime: UInt64, queryTime: UInt64, event: String) -> [UInt8] {
      written { bytes in
        var writer = SerfPushPullWriter(taking: &bytes, eventTime: eventTime, slots: 1)
        writer.slot(time: eventTime, events: 1)
        writer.event(name: Array(event.utf8).span.bytes, payload: nil)
        writer.clock(memberTime, left: 0)
        writer.queryClock(queryTime, statuses: 0)
        bytes = writer.finish()
      }
    }

    static func userEvent(_ name: String, at time: UInt64) -> [UInt8] {
      user {
        UserEventMessage(time: time, name: Array(name.utf8).span.bytes, payload: nil, coalesce: false).encode(into: &$0)
      }
    }

    static func joinIntent(_ node: NodeName, at time: UInt64) -> [UInt8] {
      user { JoinMessage(time: time, node: node.bytes.span.bytes).encode(into: &$0) }
    }

    static func leaveIntent(_ node: NodeName, at time: UInt64, prunes: Bool = false) -> [UInt8] {
      user { LeaveMessage(time: time, node: node.bytes.span.bytes, prunes: prunes).encode(into: &$0) }
    }

    /// A message of the layer above, as it is in a packet.
    static func user(_ body: (inout [UInt8]) -> Void) -> [UInt8] { [MessageType.user.rawValue] + written(body) }

    /// Several messages in one packet.
    static func compound(_ messages: [UInt8]...) -> [UInt8] {
      written { bytes in
        var writer = CompoundWriter()
        for message in messages { writer.add(message.span.bytes) }
        writer.finish(into: &bytes)
      }
    }

    private static func written(_ body: (inout [UInt8]) -> Void) -> [UInt8] {
      var bytes: [UInt8] = []
      body(&bytes)
      return bytes
    }
  }
#endif
