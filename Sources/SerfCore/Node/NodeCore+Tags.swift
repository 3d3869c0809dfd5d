import Memberlist
package import SerfPrimitives

/// This node's tags: what it says about itself to all others, in its meta (`serf.md` section 4).
extension NodeCore {
  /// Replaces all tags. The reply comes when enough members have been told.
  package mutating func setTags(_ tags: [String: String], request: RequestID, at now: Instant) throws(SerfCoreError) {
    guard status == .alive else { throw .notAlive(status) }
    let meta = try Self.encodeTags(tags)
    self.now = now
    guard membership.hasOtherLive else {
      _ = membership.updateMeta(meta, at: now)
      return outbox.push(.reply(request, .done(isSpread: true)))
    }
    let id = awaitBroadcast(.tags, request: request)
    _ = membership.updateMeta(meta, notice: id, at: now)
  }

  /// What this node says about itself, from the latest meta: the member list is updated only when the outbox is drained.
  package var ownTags: [String: String] { TagMap.decode(meta: membership.local.meta.span.bytes).tags }

  /// The meta that encodes `tags`.
  static func encodeTags(_ tags: [String: String]) throws(SerfCoreError) -> [UInt8] {
    let meta = TagMap.encode(meta: tags)
    guard meta.count <= TagMap.maximumLength else { throw .tagsTooLarge(byteCount: meta.count, limit: TagMap.maximumLength) }
    return meta
  }
}
