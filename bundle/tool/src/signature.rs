//! An ad-hoc code signature, as macOS wants one in a Mach-O.
//!
//! A signature is a "super blob": a table of numbered blobs, all numbers big-endian. Ad hoc it has
//! three: the code directory, which is the list of hashes that the system checks; requirements, of
//! which there are none; and a place for a certificate's signature over the code directory, empty.
//!
//! The code directory hashes the file page by page up to the signature. Before those hashes stand the
//! "special slots", counted backwards: what else has to be as it was (Info.plist, the requirements and
//! the seal over the resources).

use anyhow::Result;
use object::BigEndian as BE;
use object::endian::{U32, U64};
use object::macho::{self, CsBlobIndex, CsCodeDirectoryV0, CsSlot, CsSuperBlob};
use object::pod::bytes_of;
use sha2::{Digest, Sha256};

use crate::macho::{MachO, attach, place, reserve};

const HASH_BYTES: usize = 32;
const PAGE_BITS: u8 = 12;
/// Info.plist, requirements, sealed resources: slots 1 to 3.
const SPECIAL_SLOTS: usize = 3;

/// What a signature covers beside the program itself.
pub struct Covered<'a> {
    /// The bundle's identifier.
    pub identifier: &'a str,
    /// The bytes of `Info.plist`.
    pub info: &'a [u8],
    /// The bytes of `_CodeSignature/CodeResources`.
    pub resources: &'a [u8],
}

/// Signs the Mach-O `file` in place.
pub fn sign(file: &mut Vec<u8>, covered: &Covered) -> Result<()> {
    let macho = crate::macho::parse(file)?;
    let code_bytes = place(&macho)?.offset;

    // Of the same length as the real one, which cannot be made before its length stands in the file.
    let length = superblob(&code_directory(&file[..code_bytes], &macho, covered)?)?.len();
    reserve(file, &macho, length)?;
    let signature = superblob(&code_directory(&file[..code_bytes], &macho, covered)?)?;
    attach(file, &macho, &signature)
}

fn superblob(code_directory: &[u8]) -> Result<Vec<u8>> {
    let requirements = requirements();
    let certificate = [be(macho::CSMAGIC_BLOBWRAPPER), be(8)].concat();
    let blobs: [(CsSlot, &[u8]); 3] = [
        (macho::CSSLOT_CODEDIRECTORY, code_directory),
        (macho::CSSLOT_REQUIREMENTS, &requirements),
        (macho::CSSLOT_SIGNATURESLOT, &certificate),
    ];

    let table_bytes = size_of::<CsSuperBlob>() + blobs.len() * size_of::<CsBlobIndex>();
    let length = table_bytes + blobs.iter().map(|(_, blob)| blob.len()).sum::<usize>();
    let mut signature = Vec::with_capacity(length);
    signature.extend_from_slice(bytes_of(&CsSuperBlob {
        magic: U32::new(BE, macho::CSMAGIC_EMBEDDED_SIGNATURE),
        length: U32::new(BE, u32::try_from(length)?),
        count: U32::new(BE, u32::try_from(blobs.len())?),
    }));
    let mut offset = table_bytes;
    for (slot, blob) in blobs {
        signature.extend_from_slice(bytes_of(&CsBlobIndex {
            slot: U32::new(BE, slot),
            offset: U32::new(BE, u32::try_from(offset)?),
        }));
        offset += blob.len();
    }
    for (_, blob) in blobs {
        signature.extend_from_slice(blob);
    }
    signature.resize(length.next_multiple_of(16), 0);
    Ok(signature)
}

fn code_directory(code: &[u8], macho: &MachO, covered: &Covered) -> Result<Vec<u8>> {
    let pages: Vec<[u8; HASH_BYTES]> = code.chunks(1 << PAGE_BITS).map(sha256).collect();
    // In the order of the file, slot 3 first.
    let special = [
        sha256(covered.resources),
        sha256(&requirements()),
        sha256(covered.info),
    ];

    // What later versions of the format appended: scatter and team (neither here), 64-bit limit (not
    // needed below 4 GB), and where the program's own code is.
    let mut later = [be(0), be(0), be(0)].concat();
    later.extend_from_slice(bytes_of(&U64::<BE, u64>::new(BE, 0)));
    for number in [
        macho.text.file_offset,
        macho.text.file_bytes,
        macho::CS_EXECSEG_MAIN_BINARY.0,
    ] {
        later.extend_from_slice(bytes_of(&U64::<BE, u64>::new(BE, number)));
    }

    let identifier_at = size_of::<CsCodeDirectoryV0>() + later.len();
    let hashes_at = identifier_at + covered.identifier.len() + 1 + SPECIAL_SLOTS * HASH_BYTES;
    let length = hashes_at + pages.len() * HASH_BYTES;
    let mut directory = Vec::with_capacity(length);
    directory.extend_from_slice(bytes_of(&CsCodeDirectoryV0 {
        magic: U32::new(BE, macho::CSMAGIC_CODEDIRECTORY),
        length: U32::new(BE, u32::try_from(length)?),
        version: U32::new(BE, macho::CS_SUPPORTSEXECSEG),
        flags: U32::new(BE, macho::CS_ADHOC),
        hash_offset: U32::new(BE, u32::try_from(hashes_at)?),
        ident_offset: U32::new(BE, u32::try_from(identifier_at)?),
        n_special_slots: U32::new(BE, u32::try_from(SPECIAL_SLOTS)?),
        n_code_slots: U32::new(BE, u32::try_from(pages.len())?),
        code_limit: U32::new(BE, u32::try_from(code.len())?),
        hash_size: u8::try_from(HASH_BYTES)?,
        hash_type: macho::CS_HASHTYPE_SHA256,
        platform: 0,
        page_size: PAGE_BITS,
        spare2: U32::new(BE, 0),
    }));
    directory.extend_from_slice(&later);
    directory.extend_from_slice(covered.identifier.as_bytes());
    directory.push(0);
    for hash in special.iter().chain(&pages) {
        directory.extend_from_slice(hash);
    }
    Ok(directory)
}

/// An empty set: magic, length, count.
fn requirements() -> Vec<u8> {
    [be(macho::CSMAGIC_REQUIREMENTS), be(12), be(0)].concat()
}

fn be(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

pub fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    Sha256::digest(bytes).into()
}
