import ArgumentParser
import Logging
@main struct Main { static func main() {} }
