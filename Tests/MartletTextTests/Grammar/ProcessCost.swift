import Foundation

/// Processor time of the calling thread, and the process's largest memory so far.
struct ProcessCost {
  let milliseconds: Int
  let peakMegabytes: Int

  static var now: ProcessCost {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    var usage = rusage()
    unsafe getrusage(RUSAGE_SELF, &usage)
    return ProcessCost(
      milliseconds: time.tv_sec * 1_000 + time.tv_nsec / 1_000_000, peakMegabytes: usage.ru_maxrss / 1_024)
  }
}
