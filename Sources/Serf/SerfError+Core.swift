import SerfCore
import SerfPrimitives

extension SerfError {
  static let shutDown = SerfError(.state, "the node was shut down")

  /// A mistake of the caller, as the core names it.
  init(_ error: SerfCoreError) {
    switch error {
    case .tagsTooLarge: self.init(.tooLarge, "\(error). Use fewer or shorter tags")
    case .userEventTooLarge: self.init(.tooLarge, "\(error). Send a reference instead of the data. \(Self.raise("userEvents.sizeLimit"))")
    case .queryTooLarge: self.init(.tooLarge, "\(error). Ask with less. \(Self.raise("queries.sizeLimit"))")
    case .answerTooLarge: self.init(.tooLarge, "\(error). Answer with less. \(Self.raise("queries.answerSizeLimit"))")
    case .askerReadsNothingLarge: self.init(.tooLarge, "\(error). Answer with less, or update that member")
    case .internalQuery, .badExpression, .queryTimeout: self.init(.argument, error.description)
    case .answerTooLate, .answeredAlready: self.init(.notAnswerable, error.description)
    case .settingOutOfBounds, .badName, .unusableAddress: self.init(.configuration, error.description)
    case .coordinatesOff: self.init(.disabled, error.description)
    case .coordinateUnknown: self.init(.noCoordinate, error.description)
    case .userDataUnsupported: self.init(.unsupported, error.description)
    case .userStateTooLarge: self.init(.tooLarge, "\(error). Keep a reference in the state instead of the data")
    case .nodeMessageTooLarge: self.init(.tooLarge, "\(error). Send it in parts, or raise the limit at all members")
    case .notALiveMember, .tooManyMessages, .tooManyEvents: self.init(.notDelivered, error.description)
    case .notAlive: self.init(.state, error.description)
    }
  }

  /// The advice for a message that is larger than this setting allows.
  private static func raise(_ setting: String) -> String {
    let (largest, overQUIC) = (SerfSettings.UserEvents.largestSizeLimit, SerfSettings.LargeMessages.largestSize)
    return "A program can raise SerfConfiguration.\(setting), to \(largest) at most and over QUIC to \(overQUIC)"
  }

  /// Any error that kept a node from starting.
  init(starting error: any Error) {
    switch error {
    case let error as SerfError: self = error
    case let error as SerfCoreError: self.init(error)
    default: self.init(.bind, "cannot start", cause: error)
    }
  }
}
