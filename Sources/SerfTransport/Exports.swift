// What `import SerfTransport` brings besides the types of this module: what a `StreamLayer`, an address resolver and a tool for certificates name.
// `Peer`, `Destination` and `Instant`, names that a program may have itself, are known inside of a layer and of a handler alone (`StreamLayer.Peer`).
@_exported public import struct SerfIdentity.CertificateAuthority
@_exported public import struct SerfIdentity.CertificateName
@_exported public import class SerfIdentity.Credentials
@_exported public import struct SerfIdentity.CredentialsError
@_exported public import enum SerfIdentity.IdentityMode
@_exported public import enum SerfIdentity.IssuingError
@_exported public import enum SerfIdentity.KeyKind
@_exported public import struct SerfIdentity.PeerIdentity
@_exported public import struct SerfIdentity.UTCTime
@_exported public import enum SerfIdentity.VerificationFailure
@_exported public import struct SerfPrimitives.AllowedNetworks
@_exported public import struct SerfPrimitives.CIDRBlock
@_exported public import enum SerfPrimitives.CloseReason
@_exported public import struct SerfPrimitives.ConnectionID
@_exported public import enum SerfPrimitives.ContactFailure
@_exported public import struct SerfPrimitives.JoinAttempt
@_exported public import struct SerfPrimitives.NodeAddress
@_exported public import struct SerfPrimitives.NodeName
@_exported public import struct SerfPrimitives.PacketID
@_exported public import enum SerfPrimitives.SendPath
@_exported public import struct SerfPrimitives.SerfError
@_exported public import struct SerfPrimitives.StreamID
