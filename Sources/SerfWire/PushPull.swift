/// A complete push/pull message, taken apart as it is read: the header and the user state at once, the nodes one after another.
///
/// ```swift
/// var state = try PushPull(decoding: message)
/// while let node = try state.nextNode() { … }
/// ```
package struct PushPull: ~Escapable {
  package let header: PushPullHeader
  /// The state of the layer above.
  package let userState: RawSpan
  /// Nodes that ``nextNode()`` has not given out yet.
  package private(set) var nodesLeft: Int
  private var nodes: MessagePackReader

  /// Decodes a message with its type byte, whose length ``StreamMessage/Scanner`` has found; bytes beyond it are ignored.
  @_lifetime(copy message)
  package init(decoding message: RawSpan, limits: StreamMessage.Limits = StreamMessage.Limits()) throws(WireError) {
    guard case .complete(let length) = StreamMessage.scan(message, limits: limits) else { throw .truncated }
    guard message[checked: 0] == MessageType.pushPull.rawValue else { throw .unexpectedType }
    var reader = MessagePackReader(message.extracting(0..<length), at: 1)
    header = try PushPullHeader(&reader)
    let userStateStart = length - header.userStateLength
    userState = message.extracting(userStateStart..<length)
    nodes = MessagePackReader(message.extracting(0..<userStateStart), at: reader.offset)
    nodesLeft = header.nodeCount
  }

  /// The next node, nil after the last. An error ends the reading: what follows cannot be trusted.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func nextNode() throws(WireError) -> PushPullNode? {
    guard nodesLeft > 0 else { return nil }
    nodesLeft -= 1
    return try PushPullNode(&nodes)
  }
}
