# The test targets with their own sockets and processes, as a pattern for swift test; the other scripts source this file. Tests in virtual time
# keep every processor busy, and these suites have limits in real time, so they run after those, not at the same time.
live='LiveTests\.'
