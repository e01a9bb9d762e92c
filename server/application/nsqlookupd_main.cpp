#include "application/application.h"

int main(int argc, char** argv) {
    return nsq::app::runProgram(nsq::options::Program::kNsqlookupd, argv[0], {argv + 1, argv + argc});
}
