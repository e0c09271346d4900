use schema::events::{ArtifactRef, ReportVersion};
use schema::{Format, Frame};

/// A file that a delivery takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionFile<'v> {
    /// As it was published.
    Published(&'v ArtifactRef),
    /// The version's data frame, held by `source`, rendered to another format or neutralised in its own.
    Rendered {
        /// What is known of the frame.
        frame: &'v Frame,
        /// The artifact that holds it.
        source: &'v ArtifactRef,
        /// To which format.
        format: Format,
    },
}

/// The files of a version in the format that was chosen; none chosen: all, as they were published. In a format that
/// its data frame can be had in, that is rendered, and the file which holds it stays behind; unless the publisher made
/// a file of the rendered one's name himself.
#[must_use]
pub fn version_files(version: &ReportVersion, format: Option<Format>) -> Vec<VersionFile<'_>> {
    let Some(format) = format else {
        return version.artifacts.iter().map(VersionFile::Published).collect();
    };
    let Some(rendered) = rendered(version, format) else {
        return published(version, format, None);
    };
    let held_by = version.frame.as_ref().map(|frame| frame.artifact.as_str());
    let mut files = vec![rendered];
    files.extend(published(version, format, held_by));
    files
}

/// The files published in this format but the one called `but`.
fn published<'v>(
    version: &'v ReportVersion,
    format: Format,
    but: Option<&str>,
) -> Vec<VersionFile<'v>> {
    let files = version.artifacts.iter().filter(|file| file.format == format);
    let files = files.filter(|file| but != Some(file.name.as_str()));
    files.map(VersionFile::Published).collect()
}

fn rendered(version: &ReportVersion, format: Format) -> Option<VersionFile<'_>> {
    let frame = version.frame.as_ref().filter(|frame| frame.fits(format))?;
    let source = version.artifacts.iter().find(|file| file.name == frame.artifact)?;
    let name = frame.file_name(format);
    let is_taken = |file: &ArtifactRef| file.name == name && file.name != source.name;
    if version.artifacts.iter().any(is_taken) {
        return None;
    }
    Some(VersionFile::Rendered { frame, source, format })
}
