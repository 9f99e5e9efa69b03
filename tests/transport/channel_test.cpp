// What every channel must do, in a folder and in memory; then what is a folder's alone.
#include "transport/channel.h"

#include "io/container_writer.h"
#include "io/io_fixture.h"
#include "memory_channel.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::testing_support {
namespace {

namespace fs = std::filesystem;

/// A container with this text in it.
Channel::Writer container(const std::string& text) {
  return [text](ByteSink& sink) {
    ContainerWriter out(sink, make_header(FileKind::kAnswer, *tiny_parameters(), KeyId{1}));
    out.begin_section(section_tag("TEXT"));
    out.text(text);
    out.commit();
  };
}

std::string text_of(ByteSource& source) {
  ContainerReader in(source, FileKind::kAnswer);
  in.enter_section(section_tag("TEXT"));
  std::string text = in.text(100, "the text");
  in.finish();
  return text;
}

enum class Kind { kFolder, kMemory };

/// Two ends of one channel.
class ChannelTest : public IoTest, public ::testing::WithParamInterface<Kind> {
 protected:
  ChannelTest() {
    if (GetParam() == Kind::kFolder) {
      ours_ = std::make_unique<FolderChannel>(path("exchange"), "server");
      theirs_ = std::make_unique<FolderChannel>(path("exchange"), "owner");
    } else {
      const auto records = std::make_shared<MemoryChannel::Records>();
      ours_ = std::make_unique<MemoryChannel>(records);
      theirs_ = std::make_unique<MemoryChannel>(records);
    }
  }
  std::string found(Channel& end, const std::string& name) {
    const auto source = end.find(name);
    return source ? text_of(*source) : "nothing";
  }

  std::unique_ptr<Channel> ours_, theirs_;
};
INSTANTIATE_TEST_SUITE_P(, ChannelTest, ::testing::Values(Kind::kFolder, Kind::kMemory),
                         [](const auto& with) {
                           return std::string(with.param == Kind::kFolder ? "Folder" : "Memory");
                         });

TEST_P(ChannelTest, WhatWasSentIsThereForBothUntilItIsReplaced) {
  EXPECT_FALSE(theirs_->begun("round-1.enc"));
  EXPECT_EQ(found(*theirs_, "round-1.enc"), "nothing");
  ours_->send("round-1.enc", container("first"));
  ours_->send("round-2.enc", container("second"));
  for (Channel* end : {ours_.get(), theirs_.get()}) {
    EXPECT_TRUE(end->begun("round-1.enc"));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(found(*end, "round-1.enc"), "first");
    EXPECT_EQ(found(*end, "round-2.enc"), "second");
  }
  const auto before = theirs_->find("round-1.enc");
  ours_->send("round-1.enc", container("another"));
  EXPECT_EQ(text_of(*before), "first") << "what is being read stays what it was";
  EXPECT_EQ(found(*theirs_, "round-1.enc"), "another");
}

TEST_P(ChannelTest, NothingIsSentInPart) {
  for (const char* earlier : {"nothing", "earlier"}) {
    const auto amid = [](ByteSink& sink) {
      sink.write(Bytes(5000));
      throw DataError("amid");
    };
    EXPECT_THROW(ours_->send("answer.bit", amid), DataError);
    EXPECT_EQ(found(*theirs_, "answer.bit"), earlier);
    ours_->send("answer.bit", [](ByteSink& sink) { sink.write(Bytes(5000)); });
    EXPECT_EQ(found(*theirs_, "answer.bit"), earlier);
    ours_->send("answer.bit", container("earlier"));
  }
}

TEST_P(ChannelTest, WaitsForARecord) {
  int asked = 0;
  const auto source = theirs_->receive("answer.bit", Channel::after(600), [&] {
    if (++asked == 3) ours_->send("answer.bit", container("late"));
    return asked > 1000;
  });
  ASSERT_TRUE(source);
  EXPECT_EQ(text_of(*source), "late");
  EXPECT_EQ(source->name(), theirs_->place("answer.bit"));
  EXPECT_EQ(asked, 3);
}

TEST_P(ChannelTest, WaitsNoLongerThanItIsTold) {
  EXPECT_FALSE(theirs_->receive("answer.bit", Channel::after(0), {}));
  int asked = 0;
  EXPECT_FALSE(theirs_->receive("answer.bit", Channel::after(600), [&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3);
  const auto give_up = []() -> bool { throw DataError("enough"); };
  EXPECT_THROW(theirs_->receive("answer.bit", Channel::after(600), give_up), DataError);
  // What is there is received even so.
  ours_->send("answer.bit", container("there"));
  EXPECT_TRUE(theirs_->receive("answer.bit", Channel::after(0), [] { return true; }));
}

TEST_P(ChannelTest, RefusesNames) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string(".hidden"),
        std::string("a/b"), std::string("/etc/passwd"), std::string("Round"), std::string("a b"),
        std::string("a\nb"), std::string("a\0b", 3), std::string("\xc3\xa4"),
        std::string(65, 'a')}) {
    EXPECT_FALSE(is_record_name(name)) << name;
    EXPECT_THROW(ours_->place(name), ContractError) << name;
    EXPECT_THROW(ours_->begun(name), ContractError) << name;
    EXPECT_THROW(ours_->find(name), ContractError) << name;
    EXPECT_THROW(ours_->send(name, container("x")), ContractError) << name;
  }
  for (const std::string& name : {std::string("a"), std::string("round-0001.enc"),
                                  std::string("0..-"), std::string(64, 'z')}) {
    EXPECT_TRUE(is_record_name(name)) << name;
    ours_->send(name, container("x"));
    EXPECT_EQ(found(*theirs_, name), "x");
  }
}

class FolderChannelTest : public IoTest {};

TEST_F(FolderChannelTest, ARecordIsAFileOfItsName) {
  FolderChannel channel(path("a/b"), "server");
  channel.send("round-0001.enc", container("x"));
  EXPECT_TRUE(fs::is_regular_file(path("a/b/round-0001.enc")));
  EXPECT_EQ(channel.place("round-0001.enc"), "'" + path("a/b/round-0001.enc").string() + "'");
  store(path("a/b/none"), Bytes(5, 1));
  EXPECT_THROW(text_of(*channel.find("none")), DataError) << "whole, and no record";
}

TEST_F(FolderChannelTest, APartOfAFileIsWaitedFor) {
  FolderChannel channel(folder_, "server");
  channel.send("whole", container("x"));
  Bytes bytes = load(path("whole"));
  const Bytes last(bytes.end() - 3, bytes.end());
  bytes.resize(bytes.size() - 3);
  store(path("part"), bytes);
  EXPECT_TRUE(channel.begun("part"));
  EXPECT_EQ(partly_there(channel, "part"), ", of which only a part is there");
  EXPECT_EQ(partly_there(channel, "nothing"), "");
  EXPECT_FALSE(channel.find("part"));
  const auto source = channel.receive("part", Channel::after(600), [&] {
    std::ofstream(path("part"), std::ios::app | std::ios::binary)
        .write(reinterpret_cast<const char*>(last.data()), 3);
    return false;
  });
  EXPECT_EQ(text_of(*source), "x");
}

TEST_F(FolderChannelTest, ZerosInTheirPlaceAreWaitedFor) {
  FolderChannel channel(folder_, "server");
  channel.send("whole", container(std::string(3000, 'x')));
  const Bytes bytes = load(path("whole"));
  // As what copies fills a file that it has made of its size: whatever is there so far, it is not all.
  for (std::size_t there = 0; there < bytes.size() - kDigestBytes; there += there < 300 ? 1 : 97) {
    if (there > 0 && there < kMagic.size()) continue;
    Bytes part(bytes.size());
    std::copy_n(bytes.begin(), there, part.begin());
    store(path("part"), part);
    EXPECT_FALSE(channel.find("part")) << there;
  }
  EXPECT_EQ(partly_there(channel, "part"), ", of which only a part is there");
  store(path("part"), bytes);
  EXPECT_TRUE(channel.find("part"));
  store(path("zeros"), Bytes(3000000));
  EXPECT_FALSE(channel.find("zeros"));
}

TEST_F(FolderChannelTest, ALinkIsReplacedAndItsTargetStays) {
  store(path("target"), Bytes(5));
  fs::create_symlink("target", path("answer.bit"));
  FolderChannel channel(folder_, "owner");
  channel.send("answer.bit", container("x"));
  EXPECT_FALSE(fs::is_symlink(path("answer.bit")));
  EXPECT_EQ(load(path("target")), Bytes(5));
}

TEST_F(FolderChannelTest, OneOfEachRole) {
  const FolderChannel owner(folder_, "owner");
  EXPECT_NE(message_of([&] { FolderChannel(folder_, "owner"); }).find(folder_.string()),
            std::string::npos);
  EXPECT_NO_THROW(FolderChannel(folder_, "server"));
  store(path("file"), {});
  EXPECT_THROW(FolderChannel(path("file"), "server"), DataError);
}

}  // namespace
}  // namespace blindtuner::testing_support
