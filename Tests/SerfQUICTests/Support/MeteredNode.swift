import SerfPrimitives
import Wiretap

/// A node whose CPU time is measured.
final class MeteredNode: NetworkNode {
  let node: TestNode
  private(set) var cpuTime = Duration.zero

  /// Takes the place of `node` on its network.
  init(_ node: TestNode) {
    self.node = node
    node.network.connect(self)
  }

  var address: NodeAddress { node.address }
  var nextDeadline: Instant? { node.nextDeadline }
  func receive(_ datagram: EndpointNetwork.Datagram) { metered { node.receive(datagram) } }
  func turn() { metered { node.turn() } }

  private func metered(_ work: () -> Void) {
    let start = threadCPUTime()
    work()
    cpuTime += threadCPUTime() - start
  }
}
