#include "features/image/picture_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "features/data/npy.h"
#include "features/data/test_files.h"

namespace blindtuner::picture_set_test {
using namespace features;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

const fs::path kFixtures = BLINDTUNER_FIXTURES;

class Pictures : public ::testing::Test {
 protected:
  void put_picture(const std::string& name, const std::string& fixture = "rgb.png") {
    fs::create_directories((folder_ / name).parent_path());
    fs::copy_file(kFixtures / fixture, folder_ / name);
  }
  PictureSource source(const std::string& name) {
    PictureSource out;
    out.images = folder_ / name;
    return out;
  }
  void refused(const PictureSource& wrong, const std::string& part) {
    expect_data_error([&] { PictureSet::open(wrong); }, part);
  }
  /// An .npy file of bytes.
  static std::vector<std::uint8_t> array(const std::string& shape, std::size_t count) {
    std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (" + shape + "), }";
    header += std::string(118 - header.size() - 1, ' ') + "\n";
    std::vector<std::uint8_t> out = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0};
    out.reserve(out.size() + header.size() + count);
    out.insert(out.end(), header.begin(), header.end());
    for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<std::uint8_t>(i));
    return out;
  }
  TemporaryFolder folder_;
};

TEST_F(Pictures, FolderOfClasses) {
  for (const char* name : {"set/cat/2.png", "set/cat/10.PNG", "set/cat/inner/0.jpg",
                           "set/Dog/a.png", "set/10/x.png", "set/.hidden/x.png", "set/stray.png"})
    put_picture(name);
  put_file(folder_ / "set/cat/notes.txt", "no picture");
  const PictureSet set = PictureSet::open(source("set"));
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"10", "Dog", "cat"}));
  EXPECT_EQ(set.names(), (std::vector<std::string>{"10/x.png", "Dog/a.png", "cat/10.PNG",
                                                   "cat/2.png", "cat/inner/0.jpg"}));
  EXPECT_EQ(set.labels(), (Labels{0, 1, 2, 2, 2}));
  const Picture picture = set.read(1).decode(set.where(1));
  EXPECT_EQ(picture.width, 23);
  EXPECT_EQ(picture.height, 17);
  // In another order, with one that is missing here.
  PictureSource with = source("set");
  with.classes.names = {"cat", "horse", "Dog", "10"};
  EXPECT_EQ(PictureSet::open(with).labels(), (Labels{3, 2, 0, 0, 0}));
  EXPECT_EQ(PictureSet::open(with).classes(), with.classes.names);
  with.classes.names = {"cat", "Dog"};
  refused(with, "class '10', expected one of the 2");
}

// What a picture is called does not matter where its bytes say what it is; what is not used is said.
TEST_F(Pictures, NothingIsPassedOverInSilence) {
  for (const char* name :
       {"set/a/1.png", "set/a/2.JPEG", "set/b/3.jfif", "set/b/noext", "set/b/4.dat",
        "set/.hidden/x.png", "set/__MACOSX/a/._1.png", "set/a/.DS_Store", "set/b/Thumbs.db"})
    put_picture(name);
  EXPECT_TRUE(PictureSet::open(source("set")).notes().size() == 1);
  put_picture("set/stray.png");
  put_file(folder_ / "set/a/notes.txt", "no picture");
  put_file(folder_ / "set/list.csv", "no picture");
  put_file(folder_ / "set/b/empty", "");
  const PictureSet set = PictureSet::open(source("set"));
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set.names(),
            (std::vector<std::string>{"a/1.png", "a/2.JPEG", "b/3.jfif", "b/4.dat", "b/noext"}));
  EXPECT_EQ(set.labels(), (Labels{0, 0, 1, 1, 1}));
  ASSERT_EQ(set.notes().size(), 3u);
  EXPECT_NE(set.notes()[0].find("1 picture lies beside the folders of classes"), std::string::npos);
  EXPECT_NE(set.notes()[0].find("stray.png"), std::string::npos);
  EXPECT_NE(set.notes()[1].find("3 files are no picture: not used, the first is"),
            std::string::npos);
  EXPECT_NE(set.notes()[2].find("4 hidden or left-behind entries"), std::string::npos);
}

TEST_F(Pictures, ClassesAreTrimmedAndComposed) {
  put_picture("set/ mel /1.png");
  put_picture("set/na\xcc\x88vus/2.png");
  EXPECT_EQ(PictureSet::open(source("set")).classes(),
            (std::vector<std::string>{"mel", "n\xc3\xa4vus"}));
}

// Masks would be taken for what they are of, and of a changed copy the original is known.
TEST_F(Pictures, ThoseThatAreCalledAfterOthers) {
  for (const char* kind : {"benign", "malignant"})
    for (int i = 0; i < 6; ++i) {
      const std::string name = std::string("busi/") + kind + "/" + kind + " (" + std::to_string(i);
      put_picture(name + ").png");
      put_picture(name + ")_mask.png");
      if (i == 0) put_picture(name + ")_mask_left.png");
    }
  const PictureSet busi = PictureSet::open(source("busi"));
  ASSERT_EQ(busi.warnings().size(), 1u);
  EXPECT_NE(busi.warnings()[0].find("14 of 26 pictures are called after others, the first is "
                                    "'benign/benign (0)_mask.png'"),
            std::string::npos)
      << busi.warnings()[0];
  EXPECT_TRUE(busi.groups().together);
  const std::vector<std::string>& groups = busi.groups().values;
  ASSERT_EQ(groups.size(), 26u);
  EXPECT_EQ(std::set<std::string>(groups.begin(), groups.end()).size(), 12u);
  for (std::size_t i = 0; i < busi.size(); ++i) {
    const std::string& name = busi.names()[i];
    EXPECT_TRUE(groups[i].ends_with(name.substr(0, name.find(')') + 1))) << name;
  }
  // What was made of one picture, without it; numbers are no words.
  for (int i = 0; i < 12; ++i)
    for (const char* made : {"1a", "2b"}) {
      const std::string folder = i % 2 == 0 ? "a/" : "b/", name = std::to_string(i);
      put_picture("made/" + folder + "x" + name + "_png.rf." + made + ".png");
      put_picture("plain/" + folder + "x" + (made[0] == '1' ? name : name + "_2") + ".png");
    }
  const PictureSet made = PictureSet::open(source("made"));
  EXPECT_EQ(made.warnings().size(), 1u);
  EXPECT_EQ(made.groups().values[0], made.groups().values[1]);
  EXPECT_NE(made.groups().values[1], made.groups().values[2]);
  const PictureSet plain = PictureSet::open(source("plain"));
  EXPECT_TRUE(plain.warnings().empty());
  EXPECT_TRUE(plain.groups().values.empty());
  PictureSource asked = source("busi");
  asked.columns.group = "none";
  EXPECT_TRUE(PictureSet::open(asked).groups().values.empty());
}

TEST_F(Pictures, FolderWithoutClasses) {
  put_picture("set/b.png");
  put_picture("set/a.webp", "lossy.webp");
  const PictureSet set = PictureSet::open(source("set"));
  EXPECT_FALSE(set.labelled());
  EXPECT_TRUE(set.labels().empty());
  EXPECT_EQ(set.names(), (std::vector<std::string>{"a.webp", "b.png"}));
}

TEST_F(Pictures, BadFolders) {
  refused(source("gone"), "no such file or folder");
  fs::create_directories(folder_ / "empty");
  refused(source("empty"), "no pictures");
  put_picture("one/cat/a.png");
  refused(source("one"), "one class ('cat')");
  fs::create_directories(folder_ / "one/dog");
  refused(source("one"), "dog': no pictures in the folder of a class");
  put_picture("splits/train/cat/a.png");
  put_picture("splits/Test/cat/a.png");
  refused(source("splits"), "(train, Test) are splits");
  fs::create_directory_symlink(folder_ / "loop", folder_ / "one/dog/loop");
  fs::create_directories(folder_ / "loop");
  fs::create_directory_symlink(folder_ / "loop", folder_ / "loop/again");
  refused(source("one"), "a link to itself");
  // What is no picture that can be read is not passed over.
  put_picture("kinds/cat/a.gif");
  put_picture("kinds/dog/a.png");
  EXPECT_EQ(PictureSet::open(source("kinds")).size(), 2u);
  PictureSource with = source("kinds");
  with.labels = folder_ / "labels.csv";
  refused(with, "labels of its own");
}

TEST_F(Pictures, PartsOfASetAreNoClasses) {
  const auto tree = [&](const std::string& root, const std::vector<std::string>& outer,
                        const std::vector<std::string>& inner) {
    for (const std::string& one : outer)
      for (const std::string& other : inner) put_picture(root + "/" + one + "/" + other + "/a.png");
  };
  int number = 0;
  for (const std::vector<std::string>& parts :
       std::vector<std::vector<std::string>>{{"training_set", "test_set"},
                                             {"seg_train", "seg_test"},
                                             {"train_images", "test_images"},
                                             {"train2017", "val2017"},
                                             {"fold1", "fold2"}}) {
    const std::string root = "parts" + std::to_string(number++);
    tree(root, parts, {"cat", "dog"});
    refused(source(root), "are splits and not classes: name one of them");
  }
  // Whatever they are called: they hold the same classes.
  tree("extra", {"train", "extra"}, {"0", "1"});
  refused(source("extra"), "(extra, train) hold the same folders (0, 1)");
  tree("sites", {"here", "there"}, {"cat", "dog"});
  refused(source("sites"), "parts of a set and not classes");
  // Whatever lies beside the splits, or in them.
  tree("kaggle", {"training_set", "test_set"}, {"cats", "dogs"});
  put_picture("kaggle/single_prediction/a.png");
  refused(source("kaggle"),
          "the folders in it (training_set, test_set) are splits and not classes: name one of "
          "them, such as '" +
              (folder_ / "kaggle/training_set").string() + "'");
  tree("intel/seg_train", {"seg_train"}, {"forest", "sea"});
  tree("intel/seg_test", {"seg_test"}, {"forest", "sea"});
  put_picture("intel/seg_pred/seg_pred/a.png");
  refused(source("intel"), "seg_train/seg_train'");
  EXPECT_EQ(PictureSet::open(source("intel/seg_train/seg_train")).classes().size(), 2u);
  tree("xray", {"train", "test", "val", "xray/train", "xray/test", "xray/val"}, {"ill", "well"});
  refused(source("xray"), "the folders in it (train, test, val) are splits");
  tree("letters/letters_train", {"letters_train"}, {"A", "B"});
  put_picture("letters/letters_test/letters_test/A_test.png");
  refused(source("letters"), "its folders (letters_train, letters_test) are splits");
  tree("camel", {"trainImages", "testImages"}, {"x"});
  refused(source("camel"), "are splits");
  // One such name is a class as any other, and so are things that are tested.
  for (const char* name : {"vehicles/train/a.png", "vehicles/bus/a.png", "vehicles/bus/old/a.png",
                           "tests/flame_test/a.png", "tests/crash_test_1/a.png",
                           "tests/crash_test_2/a.png", "tests/litmus_test/a.png"})
    put_picture(name);
  EXPECT_EQ(PictureSet::open(source("vehicles")).classes().size(), 2u);
  EXPECT_EQ(PictureSet::open(source("tests")).classes().size(), 4u);
  // Classes of classes are told, and what is numbered alike in every class is none.
  const auto told = [&](const std::string& root, std::size_t classes, const std::string& note) {
    const PictureSet set = PictureSet::open(source(root));
    EXPECT_EQ(set.classes().size(), classes);
    ASSERT_EQ(set.notes().size(), 1u);
    EXPECT_NE(set.notes()[0].find(note), std::string::npos) << set.notes()[0];
  };
  tree("two", {"animal"}, {"cat", "dog"});
  tree("two", {"plant"}, {"rose"});
  told(
      "two", 2,
      "3 pictures lie in folders within those of the classes (animal/cat, animal/dog, plant/rose)");
  tree("people", {"happy", "sad"}, {"person1", "person2"});
  told("people", 2, "4 pictures lie in folders within");
  tree("inner", {"benign", "malignant"}, {"SOB"});
  told("inner", 2, "2 pictures lie in folders within");
  put_picture("plain/test/a.png");
  put_picture("plain/car/a.png");
  EXPECT_TRUE(PictureSet::open(source("plain")).notes().empty());
}

TEST_F(Pictures, Tables) {
  put_picture("pictures/a.png");
  put_picture("pictures/b, c.png");
  const auto open = [&](std::string_view text, const std::string& name = "t.csv") {
    put_file(folder_ / name, text);
    return PictureSet::open(source(name));
  };
  const std::string_view rows = "pictures/a.png,dog\n\"pictures/b, c.png\",cat\r\n";
  for (const std::string head : {"", "path,label\n",
                                 "\xef\xbb\xbf"
                                 "file,class\r\n"}) {
    const PictureSet set = open(head + std::string(rows));
    EXPECT_EQ(set.names(), (std::vector<std::string>{"pictures/a.png", "pictures/b, c.png"}));
    EXPECT_EQ(set.labels(), (Labels{1, 0}));
    EXPECT_EQ(set.classes(), (std::vector<std::string>{"cat", "dog"}));
    EXPECT_NO_THROW(set.read(1).decode("x"));
  }
  EXPECT_EQ(open("pictures/a.png\t3\npictures/a.png\t0\n", "t.tsv").labels(), (Labels{1, 0}));
  EXPECT_EQ(open("pictures/a.png\t3\npictures/a.png\t0\n", "t.tsv").classes(),
            (std::vector<std::string>{"0", "3"}));
  EXPECT_FALSE(open("pictures/a.png\n").labelled());
  put_file(folder_ / "t.csv", "id,label,path\n1,x,pictures/a.png\n2,y,pictures/a.png\n");
  PictureSource named = source("t.csv");
  named.columns.path = "path";
  named.columns.label = "label";
  EXPECT_EQ(PictureSet::open(named).labels(), (Labels{0, 1}));
  named.columns.label = "3";
  refused(named, "the same column");
  named.columns.label = "kind";
  refused(named, "no column 'kind'");
}

// Files that are numbered are no index, wherever they lie, and a column of labels is no path.
TEST_F(Pictures, NumberedFilesOfTables) {
  std::string rows;
  for (int i = 0; i < 12; ++i) {
    put_picture("img/" + std::to_string(i) + ".png");
    rows += std::to_string(i) + (i % 2 == 0 ? ",a\n" : ",b\n");
  }
  for (const char* header : {"id,label\n", "image_id,label\n", "number,label\n", ""}) {
    put_file(folder_ / "t.csv", header + rows);
    PictureSource numbered = source("t.csv");
    numbered.root = folder_ / "img";
    EXPECT_EQ(PictureSet::open(numbered).names()[3], "3") << header;
  }
  put_file(folder_ / "t.csv", "image_id,label\n" + rows);
  refused(source("t.csv"), "/0'");
  put_file(folder_ / "t.csv", "number,label\n" + rows);
  refused(source("t.csv"), "no column looks like the path");
}

TEST_F(Pictures, BadTables) {
  put_picture("a.png");
  // What is chosen of archives, of a table and of a folder.
  put_file(folder_ / "t.csv", "a.png,x\na.png,y\n");
  for (const char* name : {"t.csv", ""}) {
    for (std::string PictureSource::*choice :
         {&PictureSource::split, &PictureSource::images_member, &PictureSource::labels_member}) {
      PictureSource parts = source(name);
      parts.*choice = "train";
      refused(parts, "is no .npz archive");
    }
  }
  const auto bad = [&](std::string_view text, const std::string& part) {
    put_file(folder_ / "t.csv", text);
    refused(source("t.csv"), part);
  };
  bad("a.png,cat\nb.png,dog\n", "t.csv', line 2: no such file");
  bad("", "empty");
  bad("path,label\n", "a header but no rows");
  bad("a.png,cat\na.png\n", "line 2: 1 fields, expected 2");
  bad("a.png,cat\n\xff.png,dog\n", "line 2: not UTF-8");
  bad("a.png,cat\na.png,cat\n", "one class");
  bad("a.png,cat\na.png,\n", "line 2, column 2: no label");
  bad("\"a.png,cat\n", "never closed");
  bad("\"a.png\"x,cat\n", "behind a quoted field");
  put_file(folder_ / "t.csv", "a.png,cat\nb.png,dog\n");
  PictureSource lenient = source("t.csv");
  lenient.all_files = false;
  const PictureSet set = PictureSet::open(lenient);
  EXPECT_THROW(set.read(1), DataError);
  EXPECT_NE(set.where(1).find("t.csv', line 2: "), std::string::npos);
}

TEST_F(Pictures, ColumnsOfPeoplesTables) {
  for (int i = 0; i < 6; ++i) put_picture("img/ISIC_" + std::to_string(i) + ".png");
  const auto open = [&](const std::string& header, const auto& row,
                        const ColumnChoice& columns = {}) {
    std::string text = header.empty() ? "" : header + "\n";
    for (int i = 0; i < 6; ++i) text += row(i) + "\n";
    put_file(folder_ / "t.csv", text);
    PictureSource table = source("t.csv");
    table.columns = columns;
    return PictureSet::open(table);
  };
  const auto name = [](int i) { return "ISIC_" + std::to_string(i); };
  const auto path = [&](int i) { return "img/" + name(i) + ".png"; };
  const auto dx = [](int i) { return std::string(i % 3 == 0 ? " mel " : "nv"); };
  const auto check = [&](const PictureSet& set) {
    ASSERT_EQ(set.size(), 6u);
    EXPECT_EQ(set.classes(), (std::vector<std::string>{"mel", "nv"}));
    EXPECT_EQ(set.labels(), (Labels{0, 1, 1, 0, 1, 1}));
    EXPECT_NO_THROW(set.read(5).decode("x"));
  };
  check(open("image,dx,fold",
             [&](int i) { return path(i) + "," + dx(i) + (i < 4 ? ",train" : ",test"); }));
  check(open(",image,dx", [&](int i) { return std::to_string(i) + "," + path(i) + "," + dx(i); }));
  check(open("dx,image", [&](int i) { return dx(i) + "," + path(i); }));
  check(open("", [&](int i) { return dx(i) + "," + path(i); }));
  check(open("lesion_id,image_id,dx,age", [&](int i) {
    return "HAM_" + std::to_string(i / 2) + ",img/" + name(i) + "," + dx(i) + "," +
           std::to_string(40.5 + i);
  }));
  check(open("image;dx", [&](int i) { return path(i) + ";" + dx(i); }));
  check(open("image,dx", [&](int i) { return "img\\" + name(i) + ".png," + dx(i); }));
  check(open("image,dx", [&](int i) { return "img/" + name(i) + "," + dx(i); }));
  check(open("image,mel,nv",
             [&](int i) { return path(i) + (i % 3 == 0 ? ",1.0,0.0" : ",0.0,1.0"); }));
  check(open("image,dx,confirmed",
             [&](int i) { return path(i) + "," + dx(i) + "," + std::to_string(i % 2); }));
  expect_data_error(
      [&] {
        open("image,a,b", [&](int i) {
          return path(i) + ",x" + std::to_string(i % 2) + ",y" + std::to_string(i / 3);
        });
      },
      "several columns may be the label: column 2 ('a'), column 3 ('b')");
  // Two files that it may be; none.
  put_picture("img/ISIC_5.jpg");
  expect_data_error(
      [&] { open("image,dx", [&](int i) { return "img/" + name(i) + "," + dx(i); }); },
      "line 7: 'img/ISIC_5' lacks its ending");
  expect_data_error(
      [&] { open("image,dx", [&](int i) { return "pic/" + name(i) + "," + dx(i); }); },
      "line 2: no such file");
  expect_data_error(
      [&] { open("image,dx", [&](int i) { return "..\\" + name(i) + ".png," + dx(i); }); },
      "is not beneath the folder");
}

// Whoever wrote the table does not choose which files of this machine are read.
TEST_F(Pictures, TablesStayBeneathTheirFolder) {
  namespace fs = std::filesystem;
  fs::create_directories(folder_ / "set/inner");
  put_picture("outside.png");
  put_picture("set/inner/a.png");
  fs::create_symlink(folder_ / "outside.png", folder_ / "set/link.png");
  const std::string here = (folder_ / "set").string(), above = (folder_ / ".").string();
  const auto open = [&](const std::string& path, const fs::path& root = {}) {
    put_file(folder_ / "set/t.csv", path + ",x\n" + path + ",y\n");
    PictureSource table = source("set/t.csv");
    table.root = root;
    const PictureSet set = PictureSet::open(table);
    EXPECT_NO_THROW(set.read(0).decode("x"));
    EXPECT_EQ(set.names()[0], path);
  };
  for (const std::string good : {"inner/a.png", "./inner/../inner/a.png", "link.png"})
    EXPECT_NO_THROW(open(good)) << good;
  EXPECT_NO_THROW(open(here + "/inner/a.png"));
  for (const std::string& bad :
       {std::string("../outside.png"), std::string("inner/../../outside.png"),
        (folder_ / "outside.png").string(), here + "/../outside.png", here + "-twin/a.png",
        std::string("..")})
    expect_data_error([&] { open(bad); }, "is not beneath the folder '" + here + "'; name");
  // Another root: what is beneath it, relative or not.
  EXPECT_NO_THROW(open("set/inner/a.png", above));
  EXPECT_NO_THROW(open((folder_ / "outside.png").string(), above));
  EXPECT_NO_THROW(open((folder_ / "outside.png").string(), "/"));
  expect_data_error([&] { open("../x.png", above); }, "is not beneath");
  expect_data_error([&] { open("/etc/passwd.png", above); }, "is not beneath");
  // The table of a relative path, in the folder and beside it.
  const fs::path before = fs::current_path();
  fs::current_path(folder_ / "set");
  put_file("t.csv", "inner/a.png,x\n" + here + "/inner/a.png,y\n");
  for (const char* table : {"t.csv", "./t.csv", "../set/t.csv"}) {
    PictureSource relative;
    relative.images = table;
    EXPECT_NO_THROW(PictureSet::open(relative).read(1));
    put_file("u.csv", "../outside.png,x\n../outside.png,y\n");
    relative.images.replace_filename("u.csv");
    EXPECT_THROW(PictureSet::open(relative), DataError);
  }
  fs::current_path(before);
}

TEST_F(Pictures, MoreThanMayBe) {
  const auto open = [&](std::uint32_t count) {
    std::vector<std::uint8_t> bytes = {0, 0, 8, 3};
    for (const std::uint32_t extent : {count, 1u, 1u})
      for (int shift = 24; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
    bytes.resize(bytes.size() + count);
    put_file(folder_ / "x.idx", bytes);
    return within_memory(std::size_t{1} << 30, [&] { PictureSet::open(source("x.idx")); });
  };
  EXPECT_EQ(open(kMaxPictures), "good");
  EXPECT_NE(open(kMaxPictures + 1).find("16777217 pictures, expected at most 16777216"),
            std::string::npos);
}

// A picture with nothing behind it but its file's size.
TEST_F(Pictures, FilesAsLargeAsMayBe) {
  put_picture("set/cat/a.png");
  put_picture("set/dog/a.png");
  const PictureSet set = PictureSet::open(source("set"));
  const auto decoded = [&](std::uint64_t bytes) {
    fs::resize_file(folder_ / "set/cat/a.png", bytes);
    return within_memory(kMaxPictureBytes + (std::size_t{64} << 20),
                         [&] { set.read(0).decode(set.where(0)); });
  };
  EXPECT_EQ(decoded(kMaxPictureBytes), "good");
  EXPECT_NE(decoded(kMaxPictureBytes + 1).find("1073741825 bytes, expected at most 1073741824"),
            std::string::npos);
}

TEST_F(Pictures, FoldersAsDeepAsMayBe) {
  put_picture("deep/dog/a.png");
  std::string folder = "deep/cat";
  for (int i = 0; i < 32; ++i) folder += "/x";
  put_picture(folder + "/a.png");
  const auto open = [&] {
    return within_memory(std::size_t{64} << 20, [&] { PictureSet::open(source("deep")); });
  };
  EXPECT_EQ(open(), "good");
  put_picture(folder + "/x/b.png");
  EXPECT_NE(open().find("folders within folders, more than 32 deep"), std::string::npos);
}

TEST_F(Pictures, Idx) {
  put_file(folder_ / "x.idx",
           std::vector<std::uint8_t>{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4});
  put_file(folder_ / "y.idx", std::vector<std::uint8_t>{0, 0, 8, 1, 0, 0, 0, 2, 1, 0});
  PictureSource idx = source("x.idx");
  EXPECT_FALSE(PictureSet::open(idx).labelled());
  idx.labels = folder_ / "y.idx";
  const PictureSet set = PictureSet::open(idx);
  EXPECT_EQ(set.labels(), (Labels{1, 0}));
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(set.read(1).decode("x").rgb, (std::vector<std::uint8_t>{3, 3, 3, 4, 4, 4}));
  idx.classes.names = {"0", "1", "2"};
  EXPECT_EQ(PictureSet::open(idx).classes().size(), 3u);
  // Labels in a table: of its column that was chosen, and that is said.
  put_file(folder_ / "y.csv", "place,kind\n7,b\n7,a\n");
  PictureSource with_table = source("x.idx");
  with_table.labels = folder_ / "y.csv";
  with_table.columns.label = "kind";
  const PictureSet tabled = PictureSet::open(with_table);
  EXPECT_EQ(tabled.labels(), (Labels{1, 0}));
  ASSERT_FALSE(tabled.notes().empty());
  EXPECT_NE(tabled.notes()[0].find("label is column 2 ('kind'), as asked"), std::string::npos);
  put_file(folder_ / "y.idx", std::vector<std::uint8_t>{0, 0, 8, 1, 0, 0, 0, 1, 1});
  refused(idx, "1 labels for 2 pictures");
  refused(source("y.idx"), "1 dimensions, expected pictures");
  put_file(folder_ / "pictures.bin", "x");
  refused(source("pictures.bin"), "unknown kind of file");
}

/// 12 pictures of six patients, each of one class.
struct Patients {
  std::vector<std::string> names, patients;
  Labels labels;
  Patients() {
    for (int i = 0; i < 12; ++i) {
      names.push_back("p" + std::to_string(i));
      patients.push_back("P" + std::to_string(i / 2));
      labels.push_back(i / 2 % 2);
    }
  }
  /// Under a header, from the last to the first.
  std::string table(bool reversed) const {
    std::string out = "file,patient_id,label\n";
    for (std::size_t k = 0; k < names.size(); ++k) {
      const std::size_t i = reversed ? names.size() - 1 - k : k;
      out += "x/" + names[i] + ".png," + patients[i] + "," + std::to_string(labels[i]) + "\n";
    }
    return out;
  }
};

TEST_F(Pictures, GroupsOfAnArchive) {
  const Patients of;
  const auto images = array("12, 2, 2", 48), labels = npy_bytes(of.labels),
             patients = npy_bytes(of.patients);
  const auto groups = [&](const std::map<std::string, std::vector<std::uint8_t>>& members,
                          const std::string& split) {
    write_npz(folder_ / "g.npz", members);
    PictureSource npz = source("g.npz");
    npz.split = split;
    return PictureSet::open(npz).groups();
  };
  const SampleGroups own =
      groups({{"images", images}, {"labels", labels}, {"groups", patients}}, "");
  EXPECT_EQ(own.column, "groups");
  EXPECT_EQ(own.values, of.patients);
  EXPECT_TRUE(own.together);
  EXPECT_EQ(groups({{"images", images},
                    {"labels", labels},
                    {"groups", patients},
                    {"group_column", npy_bytes(std::vector<std::string>{"patient"})}},
                   "")
                .column,
            "patient");
  // Of the part that is read, or of none where there is but one.
  const std::map<std::string, std::vector<std::uint8_t>> parts = {{"train_images", images},
                                                                  {"train_labels", labels},
                                                                  {"train_patient_id", patients},
                                                                  {"test_images", images},
                                                                  {"test_labels", labels}};
  EXPECT_EQ(groups(parts, "train").values, of.patients);
  EXPECT_TRUE(groups(parts, "test").values.empty());
  EXPECT_EQ(
      groups({{"x_train", images}, {"y_train", labels}, {"groups", patients}}, "train").values,
      of.patients);
  PictureSource npz = source("g.npz");
  npz.split = "train";
  npz.columns.group = "none";
  EXPECT_TRUE(PictureSet::open(npz).groups().values.empty());
  npz.columns.group = "ward";
  refused(npz, "no column or member 'ward' that groups samples");
}

TEST_F(Pictures, LabelsOfAnArchiveGoToItsPictures) {
  const Patients of;
  write_npz(folder_ / "a.npz", {{"images", array("12, 2, 2", 48)}, {"names", npy_bytes(of.names)}});
  put_file(folder_ / "y.csv", of.table(true));
  PictureSource npz = source("a.npz");
  npz.labels = folder_ / "y.csv";
  const PictureSet set = PictureSet::open(npz);
  EXPECT_EQ(set.labels(), of.labels);
  EXPECT_EQ(set.groups().values, of.patients);
  EXPECT_TRUE(set.groups().together);
  // Numbers of whose they are, in an archive of labels and in a table.
  const Labels cases = {90, 12, 31, 44, 57, 61, 78, 83, 16, 25, 39, 102};
  write_npz(folder_ / "c.npz", {{"images", array("12, 2, 2", 48)}, {"case", npy_bytes(cases)}});
  write_npz(folder_ / "cases.npz",
            {{"labels", npy_bytes(Labels(of.labels.rbegin(), of.labels.rend()))},
             {"case", npy_bytes(Labels(cases.rbegin(), cases.rend()))}});
  std::string table = "case,label\n";
  for (std::size_t i = cases.size(); i-- > 0;)
    table += std::to_string(cases[i]) + "," + std::to_string(of.labels[i]) + "\n";
  put_file(folder_ / "cases.csv", table);
  for (const char* labels : {"cases.npz", "cases.csv"}) {
    npz = source("c.npz");
    npz.labels = folder_ / labels;
    EXPECT_EQ(PictureSet::open(npz).labels(), of.labels) << labels;
  }
  // Texts of any name, none of them twice, and what is not used of either archive is said.
  std::vector<std::string> moved(of.names.rbegin(), of.names.rend());
  write_npz(folder_ / "b.npz", {{"imagesTrain", array("12, 2, 2", 48)},
                                {"images_test", array("12, 2, 2", 48)},
                                {"accessionTrain", npy_bytes(of.names)},
                                {"ward", npy_bytes(of.names)}});
  write_npz(folder_ / "y.npz", {{"ytrain", npy_bytes(Labels(of.labels.rbegin(), of.labels.rend()))},
                                {"trainAccession", npy_bytes(moved)},
                                {"more", npy_bytes(moved)}});
  npz = source("b.npz");
  npz.images_member = "imagesTrain";
  npz.labels = folder_ / "y.npz";
  npz.labels_member = "ytrain";
  const PictureSet joined = PictureSet::open(npz);
  EXPECT_EQ(joined.labels(), of.labels);
  const auto said = [&](const std::string& part) {
    return std::any_of(joined.notes().begin(), joined.notes().end(),
                       [&](const std::string& note) { return note.ends_with(part); });
  };
  EXPECT_TRUE(said("b.npz': 'imagesTrain' is read, and not images_test, ward"));
  EXPECT_TRUE(said("y.npz': not used: more"));
}

TEST_F(Pictures, GroupsBesideLabelsOfIdx) {
  const Patients of;
  std::vector<std::uint8_t> bytes = {0, 0, 8, 3, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1};
  for (std::uint8_t i = 0; i < 12; ++i) bytes.push_back(i);
  put_file(folder_ / "x.idx", bytes);
  put_file(folder_ / "y.csv", of.table(false));
  PictureSource idx = source("x.idx");
  idx.labels = folder_ / "y.csv";
  const PictureSet set = PictureSet::open(idx);
  EXPECT_EQ(set.labels(), of.labels);
  EXPECT_EQ(set.groups().column, "patient_id");
  EXPECT_EQ(set.groups().values, of.patients);
  // That labels have names which pictures have not is said.
  EXPECT_TRUE(std::any_of(set.notes().begin(), set.notes().end(), [](const std::string& note) {
    return note.find("rows go together by their places, not by column 1 ('file')") !=
           std::string::npos;
  }));
  // An archive of labels may have them as well.
  write_npz(folder_ / "y.npz",
            {{"labels", npy_bytes(of.labels)}, {"groups", npy_bytes(of.patients)}});
  idx.labels = folder_ / "y.npz";
  EXPECT_EQ(PictureSet::open(idx).groups().values, of.patients);
}

TEST_F(Pictures, Npz) {
  const auto images = array("2, 2, 2, 3", 24), grey = array("3, 2, 2", 12);
  const auto labels = npy_bytes(Labels{1, 0}), more = npy_bytes(Labels{0, 2, 1});
  const std::vector<std::string> names = {"nævus", "wart", "x"};
  write_npz(folder_ / "a.npz", {{"train_images", images},
                                {"train_labels", labels},
                                {"x_test", grey},
                                {"y_test", more},
                                {"classes", npy_bytes(names)},
                                {"features", npy_bytes(FeatureMatrix(FeatureMatrix::Zero(2, 2)))}});
  PictureSource npz = source("a.npz");
  refused(npz, "--split");
  npz.split = "train";
  const PictureSet train = PictureSet::open(npz);
  EXPECT_EQ(train.labels(), (Labels{1, 0}));
  EXPECT_EQ(train.classes(), names);
  EXPECT_EQ(train.read(1).decode("x").rgb[0], 12);
  ASSERT_EQ(train.notes().size(), 1);
  EXPECT_TRUE(train.notes()[0].ends_with(
      "a.npz': 'train_images' is read, and not features, x_test, y_test"))
      << train.notes()[0];
  npz.split = "test";
  EXPECT_EQ(PictureSet::open(npz).labels(), (Labels{0, 2, 1}));
  EXPECT_EQ(PictureSet::open(npz).read(2).decode("x").rgb[3], 9);
  npz.split = "val";
  refused(npz, "no member 'val_images' or 'x_val', only: classes, ");
  npz.images_member = "x_test";
  EXPECT_FALSE(PictureSet::open(npz).labelled());
  npz.labels_member = "train_labels";
  refused(npz, "2 labels for 3 pictures");
  npz.labels_member = "y_test";
  npz.classes.names = {"a", "b"};
  refused(npz, "expected one of the 2 that were given: 'a', 'b'");
  npz.images_member = "features";
  refused(npz, "type f4, expected u1");
  npz.images_member = "y_test";
  refused(npz, "expected u1");
  const auto first = array("2, 3, 2, 2", 24);
  write_npz(folder_ / "first.npz", {{"images", first}});
  refused(source("first.npz"), "numpy.moveaxis(pictures, 1, 3)");
  // Names that are not called as `extract` calls them.
  write_npz(folder_ / "named.npz",
            {{"images", images}, {"labels", labels}, {"label_names", npy_bytes(names)}});
  EXPECT_EQ(PictureSet::open(source("named.npz")).classes(), names);
  // Texts are names, numbers may be names or places.
  const std::vector<std::string> numbers = {"1", "2", "3"};
  const auto counted = [&](const auto& one) {
    write_npz(folder_ / "counted.npz",
              {{"images", grey}, {"labels", npy_bytes(one)}, {"classes", npy_bytes(numbers)}});
    return source("counted.npz");
  };
  const PictureSet texts = PictureSet::open(counted(std::vector<std::string>{"1", "2", "1"}));
  EXPECT_EQ(texts.labels(), (Labels{0, 1, 0}));
  EXPECT_EQ(texts.classes(), numbers);
  refused(counted(Labels{1, 2, 1}), "or places there, of '2', '3'");
  // Another target than the usual one, which training named, of this part.
  const Labels other = {1, 0, 1};
  write_npz(folder_ / "two.npz", {{"images", grey},
                                  {"labels", npy_bytes(Labels{0, 0, 1})},
                                  {"malignant", npy_bytes(other)},
                                  {"malignant_train", npy_bytes(Labels{1, 1, 0})}});
  PictureSource two = source("two.npz");
  two.labels_member = "malignant";
  EXPECT_EQ(PictureSet::open(two).reading()["label"]["name"], "malignant");
  two.labels_member.clear();
  EXPECT_FALSE(PictureSet::open(two).reading().contains("label"));
  two.columns.known_label.name = "malignant";
  EXPECT_EQ(PictureSet::open(two).labels(), other);
  two.labels = two.images;  // as in a file of their own
  EXPECT_EQ(PictureSet::open(two).labels(), other);
  two.labels.clear();
  two.columns.known_label.name = "grade";
  EXPECT_EQ(PictureSet::open(two).labels(), (Labels{0, 0, 1}));
  ASSERT_EQ(PictureSet::open(two).warnings().size(), 1u);
  EXPECT_NE(PictureSet::open(two).warnings()[0].find("were 'grade' of the training set"),
            std::string::npos);
}

// BLINDTUNER_DATA names a folder with ham10000_28.npz and mnist/*.gz; unset by default.
TEST(PictureData, Ham10000AndMnist) {
  const char* folder = std::getenv("BLINDTUNER_DATA");
  if (folder == nullptr) GTEST_SKIP() << "BLINDTUNER_DATA is not set";
  PictureSource ham;
  ham.images = fs::path(folder) / "ham10000_28.npz";
  PictureSource mnist;
  mnist.images = fs::path(folder) / "mnist" / "t10k-images-idx3-ubyte.gz";
  mnist.labels = fs::path(folder) / "mnist" / "t10k-labels-idx1-ubyte.gz";
  for (const fs::path& path : {ham.images, mnist.images, mnist.labels})
    if (!fs::exists(path)) GTEST_SKIP() << path << " is absent";
  ham.split = "train";
  const PictureSet skin = PictureSet::open(ham);
  EXPECT_EQ(skin.size(), 4188u);
  EXPECT_EQ(skin.classes().size(), 7u);
  EXPECT_EQ(skin.read(0).decode("x").rgb.size(), 2352u);
  const PictureSet digits = PictureSet::open(mnist);
  EXPECT_EQ(digits.size(), 10000u);
  EXPECT_EQ(digits.classes().size(), 10u);
  EXPECT_EQ(digits.labels()[0], 7);
}

}  // namespace
}  // namespace blindtuner::picture_set_test
