package import Serf
package import SerfClient

extension SerfNode {
  package func ask(
    _ name: String, payload: [UInt8], options: SerfQuery.Options
  ) async throws -> any AsyncSequence<AgentQueryReply, any Error> & Sendable {
    let answers = try await query(name, payload: payload, options: options)
    // It holds at most an ack and an answer of each member.
    let (replies, feed) = AsyncThrowingStream.makeStream(of: AgentQueryReply.self)
    let reading = Task {
      do {
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { for try await member in answers.acknowledgements { feed.yield(.acknowledgement(member)) } }
          group.addTask {
            for try await answer in answers { feed.yield(.answer(answer.from, answer.payload.isEmpty ? nil : answer.payload.bytes)) }
          }
          try await group.waitForAll()
        }
        feed.finish()
      } catch {
        feed.finish(throwing: error)
      }
    }
    feed.onTermination = { _ in reading.cancel() }
    return replies
  }

  package func answer(_ query: SerfQuery, with payload: [UInt8]) async throws { try await respond(to: query, with: payload) }
}

extension SerfQuery.Options {
  /// What a client of the RPC asks for.
  init(_ request: QueryRequest) {
    self.init()
    if let members = request.members, !members.isEmpty { filters.append(.members(members)) }
    for (name, pattern) in (request.tags ?? [:]).sorted(by: { $0.key < $1.key }) { filters.append(.tag(name, matching: pattern)) }
    wantsAcks = request.wantsAcks
    relayFactor = request.relayFactor
    timeout = request.timeout == 0 ? nil : .nanoseconds(request.timeout)
  }
}
