"""A scanner: dicom_station.py HOST PORT AE_TITLE CALLED. Echoes, and stores one picture with its maker and serial number. Stack: pynetdicom."""
import sys

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import DigitalXRayImageStorageForPresentation, Verification

host, port, own, called = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
picture = Dataset()
picture.file_meta = FileMetaDataset()
picture.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
picture.SOPClassUID, picture.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
picture.Modality, picture.Manufacturer, picture.ManufacturerModelName = "DX", "Agfa HealthCare", "DX-D 600"
picture.DeviceSerialNumber, picture.SoftwareVersions, picture.StationName = "A5071042", "NX 3.0.8950", own
picture.InstitutionName, picture.PatientName, picture.PatientID = "Kreisklinik", "MUSTER^ERIKA", "4711"
picture.Rows, picture.Columns, picture.BitsAllocated, picture.BitsStored, picture.HighBit = 16, 16, 16, 12, 11
picture.PixelRepresentation, picture.SamplesPerPixel, picture.PhotometricInterpretation = 0, 1, "MONOCHROME2"
picture.PixelData = bytes(512)

scanner = AE(ae_title=own)
scanner.add_requested_context(Verification)
scanner.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
link = scanner.associate(host, port, ae_title=called)
print(link.is_established, link.send_c_echo().Status, link.send_c_store(picture).Status)
link.release()
