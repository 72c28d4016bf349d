# Compiles a design and cocotb's main together, against the folder $(RUNTIME): Verilator's own
# objects and its headers, which are the same in every build. The design itself is not optimised:
# that would take longer than all that is simulated, where cocotb's Python is what takes time.

include Vtop.mk

OPT_GLOBAL = -O1
FLAGS = -O0 $(CXXFLAGS) $(CPPFLAGS)

top: Vtop__ALL.cpp
	$(CXX) $(FLAGS) -I$(COCOTB)/share/lib/verilator -include $(RUNTIME)/runtime.h $(MAIN) \
	  $(RUNTIME)/*.o -L$(COCOTB)/libs -Wl,-rpath,$(COCOTB)/libs -lcocotbvpi_verilator $(LDLIBS) -o $@

.PHONY: runtime
runtime: runtime.h runtime.h.gch $(VK_GLOBAL_OBJS)
	mkdir -p $(RUNTIME).part
	cp $^ $(RUNTIME).part
	mv $(RUNTIME).part $(RUNTIME)

runtime.h:
	printf '#include "%s"\n' verilated.h verilated_dpi.h verilated_vpi.h >$@

runtime.h.gch: runtime.h
	$(CXX) $(FLAGS) -x c++-header $< -o $@
