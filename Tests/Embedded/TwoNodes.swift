import Memberlist
import SerfCore
import SerfPrimitives

/// Two nodes in one address space: what one sends, the other receives at the next tick.
struct Wire: ~Copyable {
  enum Message {
    case packet([UInt8], from: Int)
    case request(ExchangeID, [UInt8], from: Int)
    case reply(ExchangeID, [UInt8], from: Int)
  }

  var a: NodeCore
  var b: NodeCore
  var inFlight: [Message] = []
  /// The opener's number of each exchange that the other side is handling.
  var asked: [UInt64: ExchangeID] = [:]
  var accepted: UInt64 = 1 << 63

  init(_ a: consuming NodeCore, _ b: consuming NodeCore) {
    self.a = a
    self.b = b
  }

  static func address(_ node: Int) -> NodeAddress { NodeAddress(ipv4: 10, 0, 0, UInt8(node), port: 7946) }

  static func drain(_ core: inout NodeCore, _ node: Int, _ asked: inout [UInt64: ExchangeID], into inFlight: inout [Message]) {
    while let output = core.nextOutput() {
      switch output {
      case .transport(.send(let slot, _, _, _, _)): inFlight.append(.packet(copy(core.bytes(slot)), from: node))
      case .transport(.open(let id, _, _, _, let content)): inFlight.append(.request(id, bytes(content, &core), from: node))
      case .transport(.respond(let id, let content)):
        if let opener = asked.removeValue(forKey: id.value) { inFlight.append(.reply(opener, bytes(content, &core), from: node)) }
      default: break
      }
    }
  }

  static func copy(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { bytes in [UInt8](bytes) } }

  static func bytes(_ content: ExchangeContent, _ core: inout NodeCore) -> [UInt8] {
    switch content {
    case .bytes(let slot): return copy(core.bytes(slot))
    case .pushPull(let isJoin, let name):
      var encoded: [UInt8] = []
      core.encodePushPull(isJoin: isJoin, with: name, into: &encoded)
      return encoded
    }
  }

  mutating func deliver(_ message: Message, at now: Instant) {
    switch message {
    case .packet(let bytes, let from):
      let peer = Peer(address: Wire.address(from))
      if from == 1 { b.receive(bytes.span.bytes, from: peer, at: now) } else { a.receive(bytes.span.bytes, from: peer, at: now) }
    case .request(let id, let bytes, let from):
      accepted += 1
      asked[accepted] = id
      let (here, peer) = (ExchangeID(accepted), Peer(address: Wire.address(from)))
      if from == 1 {
        b.exchangeReceived(here, message: bytes.span.bytes, from: peer, at: now)
      } else {
        a.exchangeReceived(here, message: bytes.span.bytes, from: peer, at: now)
      }
    case .reply(let id, let bytes, let from):
      let peer = Peer(address: Wire.address(from))
      if from == 1 {
        b.exchangeCompleted(id, reply: bytes.span.bytes, from: peer, at: now)
      } else {
        a.exchangeCompleted(id, reply: bytes.span.bytes, from: peer, at: now)
      }
    }
  }

  mutating func tick(at now: Instant) {
    let arriving = inFlight
    inFlight = []
    for message in arriving { deliver(message, at: now) }
    a.advance(to: now)
    b.advance(to: now)
    Wire.drain(&a, 1, &asked, into: &inFlight)
    Wire.drain(&b, 2, &asked, into: &inFlight)
  }
}

func alive(_ core: borrowing NodeCore) -> Int32 {
  var count: Int32 = 0
  for member in core.members where member.status == .alive { count += 1 }
  return count
}

func node(_ number: Int) -> NodeCore? {
  do throws(SerfCoreError) {
    return try NodeCore(
      .lan, name: number == 1 ? "one" : "two", address: Wire.address(number), tags: ["role": "embedded"], seed: UInt64(number))
  } catch { return nil }
}

/// Ten virtual seconds of two nodes, of which one joins the other: 10 × the alive members that the first sees, plus those that the second sees.
@_cdecl("run_two_nodes")
public func runTwoNodes() -> Int32 {
  guard let a = node(1), let b = node(2) else { return -1 }
  var wire = Wire(a, b)
  var now = Instant.zero
  wire.a.start(at: now)
  wire.b.start(at: now)
  do throws(SerfCoreError) {
    try wire.b.join([JoinTarget(Wire.address(1))], ignoreOld: true, request: RequestID(1), at: now)
    try wire.b.userEvent(name: [0x68, 0x69], payload: [], coalesce: false, at: now)
  } catch { return -2 }
  for _ in 0..<1000 {
    now += .milliseconds(10)
    wire.tick(at: now)
  }
  return alive(wire.a) * 10 + alive(wire.b)
}
