//! What a bundle has to know of a Mach-O: thin, 64 bits, little-endian, as every Apple silicon one.

use anyhow::{Context, Result, bail, ensure};
use object::LittleEndian as LE;
use object::macho::{self, LinkeditDataCommand, MachHeader64, SegmentCommand64};
use object::read::macho::{LoadCommandVariant, MachHeader};

/// Facts of a Mach-O, with the places in the file that a new signature changes.
pub struct MachO {
    pub is_arm64_program: bool,
    /// Symbols are bound to named libraries, and the program runs at a random address.
    pub is_two_level_and_pie: bool,
    /// Oldest macOS, as `13.0`; absent where the file is not for macOS.
    pub minimum: Option<String>,
    /// Install names of all libraries that are loaded with the program.
    pub libraries: Vec<String>,
    /// Folders that would be searched for libraries.
    pub search_paths: Vec<String>,
    /// Bytes in the file of `__TEXT`.
    pub text: Segment,
    pub linkedit: Segment,
    pub signature: Option<SignaturePlace>,
}

/// A segment, and where in the file its load command is.
#[derive(Clone, Copy)]
pub struct Segment {
    pub command_at: usize,
    pub file_offset: u64,
    pub file_bytes: u64,
}

/// What `LC_CODE_SIGNATURE` says, and where it is.
#[derive(Clone, Copy)]
pub struct SignaturePlace {
    pub command_at: usize,
    pub offset: usize,
    pub bytes: usize,
}

pub fn parse(file: &[u8]) -> Result<MachO> {
    let header = MachHeader64::<LE>::parse(file, 0).context("it is not a Mach-O")?;
    ensure!(
        header.is_supported() && header.is_little_endian(),
        "it is not a 64-bit little-endian Mach-O"
    );
    let flags = header.flags(LE);
    let (mut minimum, mut libraries, mut search_paths) = (None, Vec::new(), Vec::new());
    let (mut text, mut linkedit, mut signature) = (None, None, None);

    let mut commands = header.load_commands(LE, file, 0)?;
    while let Some(command) = commands.next()? {
        let command_at = usize::try_from(command.offset())?;
        let string = |text| {
            let bytes = command.string(LE, text)?;
            anyhow::Ok(String::from_utf8_lossy(bytes).into_owned())
        };
        match command.variant()? {
            LoadCommandVariant::Segment64(segment, _) => {
                let found = Segment {
                    command_at,
                    file_offset: segment.fileoff.get(LE),
                    file_bytes: segment.filesize.get(LE),
                };
                match segment.segname.split(|byte| *byte == 0).next() {
                    Some(b"__TEXT") => text = Some(found),
                    Some(b"__LINKEDIT") => linkedit = Some(found),
                    _ => {}
                }
            }
            LoadCommandVariant::BuildVersion(version, _)
                if version.platform.get(LE) == macho::PLATFORM_MACOS =>
            {
                // X.Y.Z in the bits xxxx.yy.zz.
                let minos = version.minos.get(LE).0;
                minimum = Some(format!("{}.{}", minos >> 16, (minos >> 8) & 0xff));
            }
            LoadCommandVariant::Dylib(library) => libraries.push(string(library.dylib.name)?),
            LoadCommandVariant::Rpath(rpath) => search_paths.push(string(rpath.path)?),
            LoadCommandVariant::LinkeditData(data) if command.cmd() == macho::LC_CODE_SIGNATURE => {
                signature = Some(SignaturePlace {
                    command_at,
                    offset: data.dataoff.get(LE) as usize,
                    bytes: data.datasize.get(LE) as usize,
                });
            }
            _ => {}
        }
    }
    Ok(MachO {
        is_arm64_program: header.cputype(LE) == macho::CPU_TYPE_ARM64
            && header.filetype(LE) == macho::MH_EXECUTE,
        is_two_level_and_pie: flags.contains(macho::MH_TWOLEVEL) && flags.contains(macho::MH_PIE),
        minimum,
        libraries,
        search_paths,
        text: text.context("it has no __TEXT segment")?,
        linkedit: linkedit.context("it has no __LINKEDIT segment")?,
        signature,
    })
}

/// Puts `signature` in place of the one that the linker made, at the file's end.
///
/// Where it goes has to be written first (`reserve`), because the signature covers it too.
pub fn attach(file: &mut Vec<u8>, macho: &MachO, signature: &[u8]) -> Result<()> {
    let place = place(macho)?;
    ensure!(
        signature.len() == place_bytes(file, place)?,
        "the signature is not as long as was reserved for it"
    );
    file.truncate(place.offset);
    file.extend_from_slice(signature);
    Ok(())
}

/// Says in the load commands that the signature has `bytes` bytes.
pub fn reserve(file: &mut [u8], macho: &MachO, bytes: usize) -> Result<()> {
    const PAGE: u64 = 0x4000;
    let place = place(macho)?;
    let in_linkedit = (place.offset as u64)
        .checked_sub(macho.linkedit.file_offset)
        .context("the signature lies before __LINKEDIT")?;
    let linkedit_bytes = in_linkedit + bytes as u64;

    let command = command_mut::<LinkeditDataCommand<LE>>(file, place.command_at)?;
    command.datasize.set(LE, u32::try_from(bytes)?);
    let segment = command_mut::<SegmentCommand64<LE>>(file, macho.linkedit.command_at)?;
    segment.filesize.set(LE, linkedit_bytes);
    segment
        .vmsize
        .set(LE, linkedit_bytes.next_multiple_of(PAGE));
    Ok(())
}

/// Where the signature is; it has to be the last thing in the file.
pub fn place(macho: &MachO) -> Result<SignaturePlace> {
    let Some(place) = macho.signature else {
        bail!(
            "the Mach-O has no place for a signature (LC_CODE_SIGNATURE). The linker leaves one for \
             arm64 unless it is told not to."
        );
    };
    let linkedit_end = macho.linkedit.file_offset + macho.linkedit.file_bytes;
    ensure!(
        place.offset as u64 + place.bytes as u64 == linkedit_end && place.offset.is_multiple_of(16),
        "the signature is not at the end of the Mach-O"
    );
    Ok(place)
}

fn place_bytes(file: &mut [u8], place: SignaturePlace) -> Result<usize> {
    let command = command_mut::<LinkeditDataCommand<LE>>(file, place.command_at)?;
    Ok(command.datasize.get(LE) as usize)
}

fn command_mut<T: object::pod::Pod>(file: &mut [u8], at: usize) -> Result<&mut T> {
    let bytes = file
        .get_mut(at..)
        .context("a load command lies outside the file")?;
    let (command, _) = object::pod::from_bytes_mut(bytes)
        .ok()
        .context("a load command is cut short")?;
    Ok(command)
}
