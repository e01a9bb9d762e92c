// A configuration file of any content: options, or a line that says what is wrong.

#include "fuzz/input.h"
#include "options/config_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    nsq::fuzz::Input input{data, size};
    const std::filesystem::path file = nsq::fuzz::emptyDirectory() / "nsqd.cfg";
    nsq::test::writeFile(file, input.rest());
    nsq::options::Options options;
    const auto done = nsq::options::readConfigFile(options, file.string());
    if (done) return 0;
    const std::string& text = done.error().text;
    nsq::fuzz::check(text.starts_with("config file " + file.string()), "the error names the file");
    nsq::fuzz::check(text.find('\n') == std::string::npos, "the error is one line");
    return 0;
}
