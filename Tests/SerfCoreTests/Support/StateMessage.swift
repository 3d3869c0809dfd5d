import SerfCore
import SerfPrimitives

extension [UInt8] {
  /// Serf's part of a push/pull.
  static func state(
    clocks: (LamportTime, event: LamportTime, query: LamportTime) = (0, 0, 0), statuses: [(NodeName, LamportTime)] = [],
    left: [NodeName] = [], events: [(LamportTime, [String])] = []
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    var writer = SerfPushPullWriter(taking: &bytes, eventTime: clocks.event, slots: events.count)
    for (time, names) in events {
      writer.slot(time: time, events: names.count)
      for name in names { writer.event(name: NodeName(name).bytes.span.bytes, payload: nil) }
    }
    writer.clock(clocks.0, left: left.count)
    for name in left { writer.left(name.bytes.span.bytes) }
    writer.queryClock(clocks.query, statuses: statuses.count)
    for (name, time) in statuses { writer.status(name.bytes.span.bytes, time) }
    return writer.finish()
  }
}
