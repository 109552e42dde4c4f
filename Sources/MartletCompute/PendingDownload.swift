/// A copy on its way to the host; `Device.finish` takes it, once.
package enum PendingDownload: Sendable {
  case done([Int32])
  case channel(UInt32, count: Int)
}
