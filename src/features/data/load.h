// One entry for whatever the owner has.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "features/data/feature_table.h"
#include "features/data/members.h"
#include "features/samples/class_names.h"
#include "features/samples/dataset.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// Where features and labels are. The kind is taken from the file's name: .npy, .npz, a table
/// (is_table_name), or IDX (anything that ends in -ubyte or .idx, with or without .gz).
struct DataSource {
  std::filesystem::path features;
  std::filesystem::path labels;  ///< empty: a column of the table, or a member of the .npz
  Members members;               ///< .npz: empty ones are found by their names (find_members)
  Part part = Part::kAny;        ///< .npz: of an archive that holds several sets
  ColumnChoice columns;          ///< tables; of a table of labels alone its label is meant
  ClassRequest classes;          ///< names or number, where they are known before
  /// Tables: the columns of another set, in their order. A table of other columns is refused; one
  /// without names is taken as it is, which is said. Where they are places (place_name()), a table of which others are left
  /// out is refused, unless its features are chosen; where they are names, a table without names that leaves some out is warned of.
  std::vector<std::string> feature_names;
  /// .npz of `extract`: Dataset::pooling of another set, or which of several; empty: not known.
  std::string pooling;
  std::string encoder;            ///< likewise Dataset::encoder
  std::string known_features;     ///< likewise Dataset::features_member, by its name (find_members)
  bool several_poolings = false;  ///< Dataset::poolings may be left to be chosen from
  /// Dataset::ids are wanted: of a table the column that `columns.id` names, of an .npz the member, or `ids`.
  bool identified = false;
};

/// Reads and validates (validate_set). `reading` also tells of a table of labels alone: its details
/// are "labels", and "label" the column of it; "single_samples": classes that one sample has, and where
/// it is. Throws DataError. `identifiers`: takes what tells whose a row is (identifiers_among(), also of
/// archives), a field a sample; those that cannot be read are among them.
Dataset load_dataset(const DataSource& source, Reading* reading = nullptr,
                     std::vector<NamedColumn>* identifiers = nullptr);

/// What a training set took, by name, for sets that go with it.
struct TakenForTraining {
  std::vector<std::string> feature_names{};  ///< as Dataset has these four
  std::string pooling{}, encoder{}, features_member{};
  KnownLabel label{};
};
/// Of a set that was read.
TakenForTraining taken_for_training(const Dataset& set, const Reading& reading);
/// Another set is to be read by these: the same columns, or members (find_members), where no others are named for it. Labels go by
/// their name wherever they lie, by their place in a table of the same kind alone, and `source.columns` are taken for the training
/// set's own where that place is known; a table that has to have that name, and does not, is refused; labels of another name are warned of.
void read_as_in_training(DataSource& source, const TakenForTraining& training);

/// Dataset::label_name of labels that are a member, which was `named` for it or found. One that was found and is called
/// otherwise than `known`, the training set's, is warned of.
std::string name_of_labels(const NpzArchive& archive, const std::string& member, bool named,
                           const std::string& known, Reading& reading);

/// Labels of a file of their own.
struct OwnLabels {
  std::string name;  ///< of the file, for messages
  LabelWords words{};
  /// Other columns of a table, but for those to be dropped where there are no features that the choice is of; an archive's
  /// archive_keys().
  std::vector<NamedColumn> beside{};
  std::vector<GroupColumn> groups{};  ///< group_members() of an archive
  LeftOutRows left_out{};
  std::vector<std::string> unused{};  ///< unused_members() of an archive
  std::string label_name{};           ///< Dataset::label_name of an archive
};

/// The file `labels` alone. What of it is not used, bring_labels() tells. Throws DataError.
OwnLabels load_labels(const DataSource& source, Reading* reading = nullptr);

/// Samples that labels of a file of their own are to go to.
struct KnownSamples {
  std::string name;  ///< for messages
  const std::vector<NamedColumn>& beside;
  std::size_t rows;
  const LeftOutRows& left_out;
};
/// Of unused_members() those of which nothing is told: not the one that rows go together by (`joined`, as NamedColumn::column
/// has it), nor what `beside`, the archive's, has as unreadable, nor any of it where `kept`.
std::vector<std::string> still_unused(std::vector<std::string> members, const std::string& joined,
                                      const std::vector<NamedColumn>& beside, bool kept = false);
/// Says them, of the file `name`.
void tell_unused(const std::string& name, const std::vector<std::string>& unused, Reading& reading);

/// Labels and what is beside them in the samples' order as join_rows() finds it, or by their places;
/// `groups` takes the columns there that may group samples. Throws DataError, also for as many labels by their places of
/// which other rows were left out than of the samples. Gives the samples' column that rows go together by, as
/// NamedColumn::column has it; empty: none.
std::string bring_labels(const KnownSamples& samples, const ColumnChoice& choice, OwnLabels& labels,
                         std::vector<GroupColumn>& groups, Reading& reading);

/// The features of a training set, for what is fitted to them: without the column that load_dataset()
/// would take for the label, if there is one and `source` has no labels of their own. Throws DataError,
/// also where several columns may be it.
Dataset load_training_features(const DataSource& source, Reading* reading = nullptr);

/// Features alone, for inference, without labels and classes: those beside them are left out. Throws
/// DataError. `identifiers` as load_dataset() has it, but without those that cannot be read, which are warned of.
Dataset load_features(const DataSource& source, Reading* reading = nullptr,
                      std::vector<NamedColumn>* identifiers = nullptr);

/// The classes of an earlier extraction or of a model (the member `classes` of an .npz), or the lines
/// of a text file, each as class_name() has it. Throws DataError, also when there are fewer than two,
/// or one twice.
std::vector<std::string> read_class_names(const std::filesystem::path& path);

/// Throws DataError for columns and members that were chosen (`columns`, `members`) where no file has any: they would be
/// passed over, and other numbers taken than were meant.
void require_used(const DataSource& source);

/// Both read the same features of the same file, under whatever name.
bool same_features(const DataSource& a, const DataSource& b);
/// The features are in an archive that holds this part of a larger set.
bool holds_part(const DataSource& source, Part part);

}  // namespace blindtuner::features
