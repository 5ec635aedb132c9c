dist_doc_DATA = README NEWS doc/API doc/ARCHITECTURE doc/GETTING_STARTED doc/HACKING
dist_man_MANS += doc/pawl-agents.7 doc/pawl-workflow.5
dist_man_MANS += doc/pawl.1 doc/pawld.8
