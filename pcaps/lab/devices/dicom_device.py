"""A picture archive: dicom_device.py PORT AE_TITLE. Stack: pynetdicom. Answers C-ECHO, C-STORE and C-FIND."""
import sys

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind, Verification


def find(_):
    found = Dataset()
    found.QueryRetrieveLevel = "STUDY"
    found.PatientName = "MUSTER^ERIKA"
    found.StudyDescription = "THORAX PA"
    yield 0xFF00, found


archive = AE(ae_title=sys.argv[2])
for context in AllStoragePresentationContexts[:60]:
    archive.add_supported_context(context.abstract_syntax, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
for service in (Verification, PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind):
    archive.add_supported_context(service)
archive.start_server(("0.0.0.0", int(sys.argv[1])), evt_handlers=[
    (evt.EVT_C_STORE, lambda _: 0x0000), (evt.EVT_C_ECHO, lambda _: 0x0000), (evt.EVT_C_FIND, find)])
