#include "features/data/load.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/data/archive_columns.h"
#include "features/data/idx.h"
#include "features/data/named_labels.h"
#include "features/data/npy.h"
#include "features/samples/joining.h"
#include "features/samples/label_lists.h"
#include "features/samples/sample_groups.h"
#include "features/samples/sentinels.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

enum class Kind { kNpy, kNpz, kTable, kIdx };

Kind kind_of(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".npy")) return Kind::kNpy;
  if (name.ends_with(".npz")) return Kind::kNpz;
  if (is_table_name(path)) return Kind::kTable;
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (name.ends_with("ubyte") || name.ends_with(".idx")) return Kind::kIdx;
  if (!path_exists(path)) throw DataError("cannot read " + quoted_path(path) + ": no such file");
  if (begins_as_table(path)) return Kind::kTable;
  throw DataError(quoted_path(path) +
                  ": unknown kind of file, expected .npy, .npz, a table (.csv, .tsv, .txt, also "
                  ".gz), or IDX (-ubyte, .idx)");
}

FeatureTable read_table(const DataSource& source, Labelled labelled, Reading& reading,
                        bool identifiers = false, const std::vector<NamedColumn>& others = {},
                        const std::string& others_are_of = {}) {
  const std::vector<std::string>& known = source.feature_names;
  const bool places = are_place_names(known);
  const TableRequest request{TableUse::kFeatures,
                             labelled,
                             source.columns,
                             places ? std::vector<std::string>{} : known,
                             {},
                             identifiers};
  FeatureTable table =
      read_feature_table(source.features, request, reading, {others, others_are_of});
  const std::vector<std::string>& names = table.feature_names;
  if (known.empty() || names == known) return table;
  const std::string name = quoted_path(source.features);
  // Who says which columns are meant may have another table.
  const bool some = !table.feature_places.empty() && source.columns.features.empty();
  if (places && some && table.feature_places != known)
    throw DataError(name + ": features are its " + places_text(table.feature_places) +
                    ", those of the training set were its " + places_text(known) +
                    " (the label's not counted, " +
                    (are_place_names(names) ? "no column has a name" : "which had no names") +
                    "): leave out the same in both, with --drop-columns, or say which columns are "
                    "the features with --feature-columns");
  if (places) {
    reading.notes.push_back(name +
                            ": its columns are taken for the training set's, which have no "
                            "names and were its " +
                            places_text(known) + ", in their order");
    if (are_place_names(names)) table.feature_names = known;
    return table;
  }
  if (!names.empty() && !are_place_names(names))
    throw DataError(name + ": features are " + list_of_words(names) + ", expected those of the " +
                    "training set, in its order: " + list_of_words(known));
  const std::string taken =
      ": its columns have no names (of their own) and are taken for the "
      "training set's, in their order";
  if (some && !names.empty())
    reading.warnings.push_back(
        name + taken + ": " + places_text(names) + " for " + list_of_words(known) +
        "; where the training set left out others than this one does, weights go to other columns "
        "(--feature-columns says which are meant)");
  else
    reading.notes.push_back(name + taken);
  return table;
}

Members members_in(const NpzArchive& archive, const DataSource& source, bool labelled) {
  return find_members(archive, source.members, source.part,
                      {source.known_features, labelled ? source.columns.known_label.name : ""});
}

/// Where labels, or features, that nobody has named are called otherwise than the training set's.
void tell_other_name(const std::string& where, const char* what, const std::string& taken,
                     const std::string& known, Reading& reading) {
  if (known.empty() || are_one_name(taken, known)) return;
  reading.warnings.push_back(where + ": taken for the " + what + ", which were '" +
                             printable(known) + "' of the training set" +
                             (taken.empty() ? "" : ", as '" + printable(taken) + "'"));
}

/// A member that was found and not asked for is said.
Members members_of(const NpzArchive& archive, const DataSource& source, bool labelled,
                   Reading& reading) {
  Members out = members_in(archive, source, labelled);
  reading.details["members"] = {{"features", out.features}};
  if (labelled) reading.details["members"]["labels"] = out.labels;
  if (out.features != "features" || (labelled && out.labels != "labels"))
    reading.notes.push_back(archive.name() + ": features are member '" + out.features + "'" +
                            (labelled ? ", labels '" + out.labels + "'" : ""));
  if (source.members.features.empty())
    tell_other_name(archive.where(out.features), "features", out.features, source.known_features,
                    reading);
  return out;
}

/// Dataset::features_member.
std::string chosen_features(const DataSource& source, const std::string& member) {
  return source.members.features.empty() && source.known_features.empty() ? "" : member;
}

/// Arrays have no names: they are the training set's by their places.
void tell_nameless(const DataSource& source, const Dataset& set, Reading& reading) {
  if (source.feature_names.empty() || !set.feature_names.empty() ||
      kind_of(source.features) == Kind::kTable)
    return;
  if (set.width() != source.feature_names.size()) return;  // is refused elsewhere
  reading.notes.push_back(quoted_path(source.features) +
                          ": its columns have no names and are taken for the training set's, in "
                          "their order: " +
                          list_of_words(source.feature_names));
}

void tell_sentinels(const std::string& name, const Dataset& set, Reading& reading) {
  const std::string warning = sentinel_warning(sentinels(set.features), set.feature_names,
                                               static_cast<std::size_t>(set.features.rows()));
  if (!warning.empty()) reading.warnings.push_back(name + ": " + warning);
}

LabelWords rows_of(const LabelWords& words, const std::vector<std::size_t>& rows) {
  LabelWords out;
  for (const std::size_t row : rows)
    out.add(words.words()[words.index(row)],
            [&] { return words.first_places()[words.index(row)]; });
  return out;
}

/// Of one name the first is taken.
void add_group(GroupColumn one, std::vector<GroupColumn>& groups) {
  const bool there = std::any_of(groups.begin(), groups.end(), [&](const GroupColumn& other) {
    return heading_key(other.name) == heading_key(one.name);
  });
  if (!there) groups.push_back(std::move(one));
}

/// Columns beside the labels, a field a sample, that may group samples.
void add_group_columns(const std::vector<NamedColumn>& columns, const ColumnChoice& choice,
                       std::vector<GroupColumn>& groups) {
  if (choice.group == "none") return;
  for (const NamedColumn& column : columns) {
    const auto is = [&](const std::string& wanted) {
      return !wanted.empty() && heading_key(wanted) == column.name;
    };
    if (column.name.empty() ||
        (!is(choice.group) && !is(choice.known_group) && !is_group_heading(column.name)))
      continue;
    if (!column.unreadable.empty()) {
      if (is(choice.group)) throw DataError(column.unreadable);
      continue;
    }
    GroupColumn one{column.name, column.column, {}, is(choice.group)};
    for (const std::string& field : column.fields)
      one.fields.push_back(is_missing_label(field) ? std::string() : field);
    add_group(std::move(one), groups);
  }
}

/// Classes of one sample, and where it is.
nlohmann::json single_samples(const Dataset& set, const LabelWords& words) {
  nlohmann::json out = nlohmann::json::array();
  const std::vector<std::size_t> counts = class_counts(set.labels, set.classes);
  for (std::size_t i = 0; i < set.size() && out.size() < 1000; ++i)
    if (counts[static_cast<std::size_t>(set.labels[i])] == 1)
      out.push_back({{"class", printable(set.class_names[static_cast<std::size_t>(set.labels[i])])},
                     {"where", words.first_places()[words.index(i)]}});
  return out;
}

bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) && !error;
}

std::string id_member(const DataSource& source) {
  return source.columns.id.empty() ? "ids" : source.columns.id;
}

/// Throws DataError where there are none.
void take_ids(const NpzArchive& archive, const DataSource& source, Dataset& set) {
  if (!source.identified) return;
  const std::string member = id_member(source);
  if (!archive.contains(member))
    throw DataError(archive.name() + ": has no member '" + printable(member) +
                    "' with the rows' identifiers");
  set.ids = archive.keys(member);
  for (std::string& id : set.ids) id = std::string(without_blanks(id));
  if (set.ids.size() != static_cast<std::size_t>(set.features.rows()))
    throw DataError(archive.where(member) + ": " + std::to_string(set.ids.size()) +
                    " identifiers for " + std::to_string(set.features.rows()) + " rows");
}
void require_ids(const DataSource& source, const Dataset& set) {
  if (source.identified && set.ids.empty())
    throw DataError(quoted_path(source.features) +
                    (kind_of(source.features) == Kind::kTable
                         ? ": which column has the rows' identifiers? name it with --id-column"
                         : ": has no room for identifiers of its rows, expected a table or .npz"));
}

/// What `extract` noted of the encoder. Throws DataError for another one's features: of the same width, perhaps, and of
/// another meaning.
void apply_encoder(const NpzArchive& archive, const DataSource& source, Dataset& set) {
  if (!archive.contains("encoder")) return;
  const std::vector<std::string> noted = archive.strings("encoder");
  if (noted.size() != 1) return;
  set.encoder = noted[0];
  if (!source.encoder.empty() && set.encoder != source.encoder)
    throw DataError(
        archive.name() +
        ": features that 'extract' made with another model, or other settings of it such as "
        "--image-size, than those of the training: make them as it made those");
}

/// What `extract` noted of the pooling, and the features' columns of the one that is asked for.
void apply_pooling(const NpzArchive& archive, const DataSource& source, Dataset& set) {
  if (!archive.contains("pooling")) return;
  const std::vector<std::string> noted = archive.strings("pooling");
  if (noted.size() != 1) return;
  set.pooling = noted[0];
  if (archive.contains("poolings")) {
    set.poolings = read_poolings(archive, set.width());
    if (source.several_poolings && source.pooling.empty()) return;
    if (source.pooling.empty())
      throw DataError(archive.name() + ": features of several poolings, for 'finetune' to choose " +
                      "from; make those of one with 'extract --pooling'");
    if (source.pooling != set.pooling) {
      set = of_pooling(set, source.pooling, archive.name());
      return;
    }
  }
  // Of the same width, perhaps, and another meaning.
  if (!source.pooling.empty() && set.pooling != source.pooling)
    throw DataError(archive.name() + ": features of the pooling '" + printable(set.pooling) +
                    "', expected '" + printable(source.pooling) + "', those of the training");
}

std::string labels_of_own_archive(const NpzArchive& archive, const std::string& known, Part part) {
  const std::string out = labels_as_in_training(archive, known, part, "");
  return out.empty() ? "labels" : out;
}

OwnLabels read_labels(const DataSource& source, Reading& reading) {
  OwnLabels out{quoted_path(source.labels)};
  switch (kind_of(source.labels)) {
    case Kind::kNpy:
      out.words = read_npy_label_words(source.labels);
      break;
    case Kind::kNpz: {
      const NpzArchive archive(source.labels);
      std::string member = source.members.labels;
      if (member.empty())
        member = labels_of_own_archive(archive, source.columns.known_label.name, source.part);
      out.label_name = name_of_labels(archive, member, !source.members.labels.empty(),
                                      source.columns.known_label.name, reading);
      ClassRequest classes = source.classes;
      out.words = named_labels(archive, member, classes, reading);
      const std::size_t rows = out.words.size();
      const std::vector<std::string> taken = {member, class_names_member(archive)};
      out.beside = archive_keys(archive, rows, taken, source.columns);
      out.groups = group_members(archive, member, rows, source.columns, reading);
      if (!is_same_file(source.features, source.labels))
        out.unused = unused_members(archive, member, rows, taken, source.columns);
      break;
    }
    case Kind::kTable: {
      // The other choices are of the features' table, where there is one.
      const bool of_labels = source.features.empty() || kind_of(source.features) != Kind::kTable;
      out.words =
          read_label_table(source.labels,
                           {.label = source.columns.label,
                            .drop = of_labels ? source.columns.drop : std::vector<std::string>{},
                            .decimal = source.columns.decimal,
                            .known_label = source.columns.known_label},
                           reading, &out.beside, &out.left_out);
      break;
    }
    default:
      out.words = read_idx_labels(source.labels);
  }
  return out;
}

/// Where a set that was read has its labels.
KnownLabel known_label(const Reading& reading) {
  const nlohmann::json& details = reading.details;
  if (!details.contains("label")) return {};
  const nlohmann::json& table = details.contains("labels") ? details["labels"] : details;
  return {details["label"]["name"].get<std::string>(),
          details["label"]["column"].get<std::size_t>(), table.value("columns", std::size_t{0}),
          details.contains("labels")};
}

}  // namespace

std::string name_of_labels(const NpzArchive& archive, const std::string& member, bool named,
                           const std::string& known, Reading& reading) {
  if (named) return member;
  std::string out;
  if (!known.empty() && are_one_name(member, known)) out = member;
  if (member == "labels" && archive.contains("label_name"))
    if (const auto names = archive.strings("label_name"); names.size() == 1) out = names[0];
  tell_other_name(archive.where(member), "labels", out.empty() ? member : out, known, reading);
  return out;
}

std::vector<std::string> still_unused(std::vector<std::string> members, const std::string& joined,
                                      const std::vector<NamedColumn>& beside, bool kept) {
  std::erase_if(members, [&](const std::string& member) {
    const std::string text = member_text(member);
    return text == joined ||
           std::any_of(beside.begin(), beside.end(), [&](const NamedColumn& column) {
             return column.column == text && (kept || !column.unreadable.empty());
           });
  });
  return members;
}

void tell_unused(const std::string& name, const std::vector<std::string>& unused,
                 Reading& reading) {
  if (unused.empty()) return;
  reading.notes.push_back(name + ": not used: " + list_of_words(unused));
  for (const std::string& member : unused) reading.details["unused_members"].push_back(member);
}

TakenForTraining taken_for_training(const Dataset& set, const Reading& reading) {
  KnownLabel label = known_label(reading);
  // A table's; a name of an archive's member need not be one of a table's header.
  label.required = label.column > 0;
  if (label.column == 0) label.name = set.label_name;
  return {set.feature_names, set.pooling, set.encoder, set.features_member, std::move(label)};
}

void read_as_in_training(DataSource& source, const TakenForTraining& training) {
  source.feature_names = training.feature_names;
  source.pooling = training.pooling;
  source.encoder = training.encoder;
  source.known_features = training.features_member;
  KnownLabel& known = source.columns.known_label;
  known = training.label;
  std::string& asked = source.columns.label;
  const bool alike = known.apart == !source.labels.empty();
  // What was asked for there is known by what it was.
  if (known.column > 0 && (heading_key(asked) == heading_key(known.name) || !alike)) asked.clear();
  if (!alike) known = {.name = known.name};
}

std::string bring_labels(const KnownSamples& samples, const ColumnChoice& choice, OwnLabels& labels,
                         std::vector<GroupColumn>& groups, Reading& reading) {
  LabelWords& words = labels.words;
  const auto [rows, of_samples, of_labels] = join_rows(
      {samples.name, labels.name, samples.beside, labels.beside, choice.skip_missing}, reading);
  if (!rows.empty()) {
    std::vector<bool> used(words.size());
    for (const std::size_t row : rows) used[row] = true;
    std::vector<std::size_t> unused;
    for (std::size_t i = 0; i < used.size(); ++i)
      if (!used[i]) unused.push_back(i);
    const LabelWords lost = rows_of(words, unused);
    words = rows_of(words, rows);
    if (lost.size() > 0) tell_lost_classes(labels.name, words, lost, "have no sample", reading);
    const auto bring = [&order = rows](std::vector<std::string>& fields) {
      std::vector<std::string> brought;
      for (const std::size_t row : order) brought.push_back(fields[row]);
      fields = std::move(brought);
    };
    for (NamedColumn& column : labels.beside)
      if (column.unreadable.empty()) bring(column.fields);
    for (GroupColumn& one : labels.groups) bring(one.fields);
  } else if (words.size() == samples.rows) {  // others are refused for that
    require_same_places(samples.left_out, samples.name, labels.left_out, labels.name,
                        "take the row out of both files, or give both a column of identifiers");
  }
  for (GroupColumn& one : labels.groups) add_group(std::move(one), groups);
  add_group_columns(labels.beside, choice, groups);
  tell_unused(labels.name, still_unused(labels.unused, of_labels, labels.beside), reading);
  return of_samples;
}

OwnLabels load_labels(const DataSource& source, Reading* told) {
  Reading unheard;
  return read_labels(source, told != nullptr ? *told : unheard);
}

Dataset load_training_features(const DataSource& source, Reading* told) {
  if (kind_of(source.features) != Kind::kTable || !source.labels.empty())
    return load_features(source, told);
  Reading unheard;
  Reading& reading = told != nullptr ? *told : unheard;
  FeatureTable table = read_table(source, Labelled::kMaybe, reading);
  Dataset set;
  set.features = std::move(table.features);
  set.feature_names = std::move(table.feature_names);
  set.places = std::move(table.places);
  tell_sentinels(quoted_path(source.features), set, reading);
  return set;
}

Dataset load_features(const DataSource& source, Reading* told,
                      std::vector<NamedColumn>* identifiers) {
  Reading unheard;
  Reading& reading = told != nullptr ? *told : unheard;
  Dataset set;
  switch (kind_of(source.features)) {
    case Kind::kNpy:
      set.features = read_npy_samples(source.features);
      break;
    case Kind::kNpz: {
      const NpzArchive archive(source.features);
      const auto [member, labels] = members_of(archive, source, false, reading);
      set.features = archive.samples(member);
      set.features_member = chosen_features(source, member);
      take_ids(archive, source, set);
      apply_encoder(archive, source, set);
      apply_pooling(archive, source, set);
      const auto rows = static_cast<std::size_t>(set.features.rows());
      std::vector<std::string> taken = {member, labels, class_names_member(archive)};
      std::vector<NamedColumn> beside;
      if (identifiers != nullptr) {
        beside = archive_keys(archive, rows, taken, source.columns);
        *identifiers = readable_among(identifiers_among(beside), reading);
      }
      if (source.identified) taken.push_back(id_member(source));
      tell_unused(archive.name(),
                  still_unused(unused_members(archive, member, rows, taken, source.columns), {},
                               beside, true),
                  reading);
      break;
    }
    case Kind::kTable: {
      FeatureTable table =
          read_table(source, source.labels.empty() ? Labelled::kNo : Labelled::kElsewhere, reading,
                     identifiers != nullptr);
      set.features = std::move(table.features);
      if (identifiers != nullptr) *identifiers = identifiers_among(std::move(table.others));
      set.feature_names = std::move(table.feature_names);
      set.ids = std::move(table.ids);
      set.places = std::move(table.places);
      break;
    }
    default:
      set.features = read_idx_images(source.features);
  }
  require_ids(source, set);
  tell_nameless(source, set, reading);
  tell_sentinels(quoted_path(source.features), set, reading);
  return set;
}

Dataset load_dataset(const DataSource& source, Reading* told,
                     std::vector<NamedColumn>* identifiers) {
  Reading unheard;
  Reading& reading = told != nullptr ? *told : unheard;
  Dataset set;
  LabelWords words;
  ClassRequest classes = source.classes;
  const std::string name = quoted_path(source.features);
  OwnLabels own_labels{quoted_path(source.labels)};
  std::string labelled = source.labels.empty() ? name : own_labels.name;
  const Kind kind = kind_of(source.features);
  Reading of_labels;
  std::vector<NamedColumn> beside_features;
  std::vector<GroupColumn> groups;
  std::vector<std::string> unused;
  if (kind == Kind::kTable) {
    // What tells rows apart may be in both tables.
    if (!source.labels.empty()) own_labels = read_labels(source, of_labels);
    const Labelled own = source.labels.empty() ? Labelled::kYes : Labelled::kElsewhere;
    FeatureTable table =
        read_table(source, own, reading, identifiers != nullptr, own_labels.beside, labelled);
    set.features = std::move(table.features);
    set.feature_names = std::move(table.feature_names);
    set.ids = std::move(table.ids);
    set.places = std::move(table.places);
    beside_features = std::move(table.others);
    groups = std::move(table.groups);
    if (source.labels.empty()) words = std::move(table.labels);
  } else if (kind == Kind::kNpz) {
    const NpzArchive archive(source.features);
    const Members members = members_of(archive, source, source.labels.empty(), reading);
    set.features = archive.samples(members.features);
    set.features_member = chosen_features(source, members.features);
    take_ids(archive, source, set);
    if (archive.contains("digests")) {
      set.digests = archive.strings("digests");
      if (set.digests.size() != static_cast<std::size_t>(set.features.rows())) set.digests.clear();
    }
    apply_encoder(archive, source, set);
    apply_pooling(archive, source, set);
    const auto rows = static_cast<std::size_t>(set.features.rows());
    std::vector<std::string> taken = {members.features, members.labels,
                                      class_names_member(archive)};
    if (!source.labels.empty() || identifiers != nullptr)
      beside_features = archive_keys(archive, rows, taken, source.columns);
    groups = group_members(archive, members.features, rows, source.columns, reading);
    if (!source.labels.empty() && !is_same_file(source.features, source.labels)) taken.resize(1);
    if (source.identified) taken.push_back(id_member(source));
    unused = unused_members(archive, members.features, rows, taken, source.columns);
    if (source.labels.empty()) {
      if (members.labels.empty())
        throw DataError(archive.where(members.features) +
                        ": no labels beside it by a usual name; name them with --labels-member");
      labelled = archive.where(members.labels);
      set.label_name = name_of_labels(archive, members.labels, !source.members.labels.empty(),
                                      source.columns.known_label.name, reading);
      words = named_labels(archive, members.labels, classes, reading);
    }
  } else if (source.labels.empty()) {
    throw DataError(name + ": has no labels of its own, expected a file of labels beside it");
  } else {
    set.features = load_features(source, &reading).features;
  }
  if (kind == Kind::kNpz) tell_nameless(source, set, reading);
  std::string joined;
  if (!source.labels.empty()) {
    if (kind != Kind::kTable) own_labels = read_labels(source, of_labels);
    reading.notes.insert(reading.notes.end(), of_labels.notes.begin(), of_labels.notes.end());
    reading.warnings.insert(reading.warnings.end(), of_labels.warnings.begin(),
                            of_labels.warnings.end());
    if (of_labels.details.contains("label")) {
      reading.details["label"] = of_labels.details["label"];
      reading.details["labels"] = std::move(of_labels.details);
    }
    if (identifiers != nullptr)
      own_labels.unused = still_unused(own_labels.unused, {}, own_labels.beside, true);
    joined = bring_labels(
        {name, beside_features, static_cast<std::size_t>(set.features.rows()), set.places.left_out},
        source.columns, own_labels, groups, reading);
    words = std::move(own_labels.words);
    set.label_name = own_labels.label_name;
    if (identifiers != nullptr)
      beside_features.insert(beside_features.end(), own_labels.beside.begin(),
                             own_labels.beside.end());
  }
  unused = still_unused(std::move(unused), joined, beside_features, identifiers != nullptr);
  tell_unused(name, unused, reading);
  const auto samples = static_cast<std::size_t>(set.features.rows());
  if (words.size() != samples) {
    // As pandas writes a series that has no name.
    const bool headed = !source.labels.empty() && kind_of(source.labels) == Kind::kTable &&
                        words.size() == samples + 1 && words.words()[words.index(0)] == "0";
    throw DataError(
        labelled + ": " + std::to_string(words.size()) + " labels for " + std::to_string(samples) +
        " samples in " + name +
        (headed ? "; if the first line, 0, is the column's name, call it label" : "") +
        (source.columns.skip_missing && !source.labels.empty()
             ? "; of rows that --skip-missing leaves out nobody knows the labels: have both in "
               "one table"
             : ""));
  }
  // Samples that differ in the sign of a zero alone are equal.
  set.features.array() += 0.0F;
  set_classes(set, words, classes, labelled);
  if (const std::string lists = label_list_warning(set.class_names); !lists.empty())
    reading.warnings.push_back(labelled + ": " + lists);
  std::erase_if(groups, [&](const GroupColumn& one) { return one.fields.size() != samples; });
  set.groups = choose_groups(groups, set.labels, source.columns, name, reading);
  if (const nlohmann::json single = single_samples(set, words); !single.empty())
    reading.details["single_samples"] = single;
  if (const KnownLabel label = known_label(reading); label.column > 0) set.label_name = label.name;
  validate_set(set, name);
  require_ids(source, set);
  if (kind == Kind::kTable || kind == Kind::kNpz) tell_sentinels(name, set, reading);
  if (identifiers != nullptr) *identifiers = identifiers_among(std::move(beside_features));
  return set;
}

std::vector<std::string> read_class_names(const std::filesystem::path& path) {
  const std::string name = quoted_path(path);
  std::vector<std::string> classes;
  if (path.extension() == ".npz") {
    classes = NpzArchive(path).keys("classes");
  } else {
    const std::vector<std::uint8_t> bytes = read_file(path, 1 << 26);
    std::string line;
    for (const std::uint8_t byte : bytes) {
      if (classes.size() > static_cast<std::size_t>(kMaxLabels)) break;  // refused below
      if (byte != '\n') {
        line += static_cast<char>(byte);
        continue;
      }
      classes.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) classes.push_back(line);
  }
  if (classes.size() < 2 || classes.size() > static_cast<std::size_t>(kMaxLabels))
    throw DataError(name + ": " +
                    (classes.size() < 2 ? std::to_string(classes.size()) : "too many") +
                    " class names, expected 2 to " + std::to_string(kMaxLabels));
  return different_names(std::move(classes), name);
}

bool same_features(const DataSource& a, const DataSource& b) {
  if (!is_same_file(a.features, b.features)) return false;
  if (kind_of(a.features) != Kind::kNpz) return true;
  const NpzArchive archive(a.features);
  return members_in(archive, a, false).features == members_in(archive, b, false).features;
}

void require_used(const DataSource& source) {
  const auto is = [](const std::filesystem::path& file, Kind kind) {
    return !file.empty() && kind_of(file) == kind;
  };
  const std::filesystem::path& of_labels = source.labels.empty() ? source.features : source.labels;
  const bool columns = is(source.features, Kind::kTable),
             some_columns = columns || is(of_labels, Kind::kTable);
  const ColumnChoice& c = source.columns;
  const struct {
    const char* option;
    bool given, used;
    const char* kind;
  } choices[] = {
      {"--feature-columns", !c.features.empty(), columns, "table"},
      {"--drop-columns", !c.drop.empty(), some_columns, "table"},
      {"--decimal", !c.decimal.empty(), some_columns, "table"},
      {"--label-column", !c.label.empty(), some_columns, "table"},
      {"--skip-missing", c.skip_missing, some_columns, "table"},
      {"features-member", !source.members.features.empty(), is(source.features, Kind::kNpz),
       ".npz archive"},
      {"labels-member", !source.members.labels.empty(), is(of_labels, Kind::kNpz), ".npz archive"}};
  for (const auto& choice : choices)
    if (choice.given && !choice.used)
      throw DataError((of_labels.empty()
                           ? std::string("no file")
                           : quoted_path(source.features.empty() ? of_labels : source.features)) +
                      ": " + choice.option + " does nothing, as this is no " + choice.kind);
}

bool holds_part(const DataSource& source, Part part) {
  return kind_of(source.features) == Kind::kNpz && holds_part(NpzArchive(source.features), part);
}

}  // namespace blindtuner::features
