"""DICOM: studies in, results out, de-identification.

In: `files` finds and unpacks, `parse` reads untrusted bytes, `frames` says where each slice
lies, `stacks` which of them make a volume (`copies` leaves out what was sent twice),
`contrast` what it is and `dynamic` which of a run, `study` puts that together; `pixels` (and
`lossless`) decompresses, `read` gives a volume, `convert` and `conversion` all of them.

Out: `destination` is the place in the patient's study, `segments` the names and codes of the
parts; `seg`, `sr` and `stl` encode, `export` writes, `formats` names the files.

De-identification: `profile` is the table, `pseudonyms` the key, `deidentify` cleans a data
set, `identity` collects what must not be there, `leaks` searches, `anonymization` does it all.
"""
