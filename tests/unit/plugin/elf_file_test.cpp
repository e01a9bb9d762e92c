#include "plugin/elf_file.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "nsq/sdk/plugin.h"
#include "unit/plugin/fixture.h"

using namespace nsq;
using plugin::ElfFile;
using plugin::test::contentOf;
using plugin::test::TemporaryDirectory;
using plugin::test::testPlugin;

namespace {

std::string refusal(const std::filesystem::path& file) {
    const auto elf = ElfFile::open(file);
    return elf ? "" : elf.error().text;
}

/// Opens the file and reads from it all a plugin host would, whatever comes out.
void readEverything(const std::filesystem::path& file) {
    auto elf = ElfFile::open(file);
    if (!elf) {
        REQUIRE_FALSE(elf.error().text.empty());
        return;
    }
    for (const char* name : {sdk::kDescriptorSymbol, sdk::kFactorySymbol}) {
        const auto symbol = elf.value().exported(name);
        std::array<std::byte, sizeof(sdk::PluginDescriptor)> data;
        if (symbol) static_cast<void>(elf.value().read(*symbol, data));
    }
}

}  // namespace

TEST_CASE("the exported symbols of a shared object are read without mapping it") {
    auto elf = ElfFile::open(testPlugin("good"));
    REQUIRE(elf.ok());
    const auto descriptor = elf.value().exported(sdk::kDescriptorSymbol);
    REQUIRE(descriptor);
    CHECK(descriptor->isVariable);
    CHECK(descriptor->size >= sizeof(sdk::PluginDescriptor));
    sdk::PluginDescriptor data{};
    REQUIRE(elf.value().read(*descriptor, std::as_writable_bytes(std::span{&data, 1})));
    CHECK(data.magic == sdk::kDescriptorMagic);
    CHECK(std::string(data.name) == "good");

    const auto factory = elf.value().exported(sdk::kFactorySymbol);
    REQUIRE(factory);
    CHECK(factory->section == "boostdll");
    CHECK_FALSE(elf.value().exported("nothing_of_that_name"));
    CHECK_FALSE(elf.value().exported(""));

    auto function = ElfFile::open(testPlugin("plain_factory"));
    REQUIRE(function.ok());
    CHECK_FALSE(function.value().exported(sdk::kFactorySymbol)->isVariable);
}

TEST_CASE("a symbol that is only needed does not count as exported") {
    auto elf = ElfFile::open(testPlugin("unresolved_symbol"));
    REQUIRE(elf.ok());
    CHECK_FALSE(elf.value().exported("nsq_test_function_that_is_nowhere"));
}

TEST_CASE("reading more than the symbol has is refused") {
    auto elf = ElfFile::open(testPlugin("good"));
    REQUIRE(elf.ok());
    const auto factory = elf.value().exported(sdk::kFactorySymbol);
    std::array<std::byte, 64> data;
    CHECK(elf.value().read(*factory, std::span{data}.first(8)));
    CHECK_FALSE(elf.value().read(*factory, data));
}

TEST_CASE("what is not an ELF shared object for this machine says so") {
    const TemporaryDirectory directory;
    const std::string good = contentOf(testPlugin("good"));
    const auto with = [&](std::size_t offset, char value) {
        std::string changed = good;
        changed[offset] = value;
        return refusal(directory.write("changed.so", changed));
    };
    CHECK(refusal(directory.path() / "none.so") == "no such file");
    CHECK(refusal(directory.path()) == "is a directory, not an ELF shared object");
    CHECK(refusal("/dev/null") == "is not a regular file");
    CHECK(refusal(directory.write("empty.so", "")) == "not an ELF shared object: the file is empty");
    CHECK(refusal(directory.write("text.so", "#!/bin/sh\n")) == "not an ELF shared object");
    CHECK(refusal(directory.write("head.so", good.substr(0, 40))) ==
          "truncated or damaged ELF file: its header lies outside the file");
    CHECK(with(EI_CLASS, ELFCLASS32).starts_with("ELF file for machine"));
    CHECK(with(EI_DATA, ELFDATA2MSB).starts_with("ELF file for machine"));
    CHECK(with(offsetof(Elf64_Ehdr, e_machine), 3).starts_with("ELF file for machine 3, needs 64-bit "));
    CHECK(with(offsetof(Elf64_Ehdr, e_type), ET_REL) == "ELF file of type 1, needs a shared object (3)");
}

TEST_CASE("a file that cannot be asked for says why") {
    CHECK(refusal(std::string(300, 'x')) == "cannot be read: File name too long");
}

TEST_CASE("a file cut off anywhere is refused") {
    const TemporaryDirectory directory;
    const auto file = directory.write("cut.so", contentOf(testPlugin("good")));
    const std::size_t whole = std::filesystem::file_size(file);
    const std::size_t step = whole / 500 + 1;
    for (std::size_t size = whole - 1; size > 0; size -= std::min(size, size > 1024 ? step : 1)) {
        CAPTURE(size);
        std::filesystem::resize_file(file, size);
        CHECK_FALSE(refusal(file).empty());
    }
}

TEST_CASE("damaged headers and tables are survived") {
    const TemporaryDirectory directory;
    const std::string good = contentOf(testPlugin("good"));
    const auto file = directory.write("damaged.so", good);
    std::fstream patch(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto put = [&patch](std::size_t offset, char value) {
        patch.seekp(static_cast<std::streamoff>(offset));
        patch.put(value);
    };
    Elf64_Ehdr header;
    std::memcpy(&header, good.data(), sizeof header);
    std::mt19937_64 random(20260101);  // always the same damage
    // The header with the program headers, the section headers, and the dynamic symbols near the file's
    // start.
    const std::array<std::pair<std::size_t, std::size_t>, 3> places{{
        {0, sizeof header + header.e_phnum * sizeof(Elf64_Phdr)},
        {header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)},
        {0, std::min<std::size_t>(good.size(), 16384)},
    }};
    for (int round = 0; round < 3000; ++round) {
        const auto [offset, size] = places[static_cast<std::size_t>(round) % places.size()];
        std::array<std::size_t, 4> damaged;
        for (std::size_t& at : damaged) {
            at = offset + random() % size;
            put(at, round % 2 == 0 ? '\xff' : static_cast<char>(random()));
        }
        patch.flush();
        readEverything(file);
        for (const std::size_t at : damaged) put(at, good[at]);
    }
}
